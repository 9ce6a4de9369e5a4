"""Delivery status notifications: what a mail system tells a sender of what became of a message (RFC 3461, 3464).

A notification is a multipart/report (RFC 6522) of three parts: words for people, fields for programs, and the message
or its header. `report.py` says what is told, `build.py` writes it, `words.py` has the words, `addresses.py` writes
addresses outside ASCII (RFC 6533), `parse.py` reads it.
"""
