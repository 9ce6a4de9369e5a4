"""SMTP (RFC 5321), message submission (RFC 6409) and LMTP (RFC 2033) as pure machines: bytes in, events out.

Nothing here may read a clock, a socket or a file: the gateway does that, and tests need neither.
"""
