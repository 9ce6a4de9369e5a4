"""Message disposition notifications, or read receipts (RFC 8098), as JMAP has them (RFC 9007).

`wanted.py` says whether a message asks for one and checks what a client wants to send, `build.py` writes it, `parse.py`
reads one.
"""
