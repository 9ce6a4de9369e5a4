"""The other side of SMTP and LMTP: what a client says, and what it makes of the answers. Bytes in, bytes out.

Nothing here may read a clock, a socket or a file, nor raise for anything a server sends.
"""
