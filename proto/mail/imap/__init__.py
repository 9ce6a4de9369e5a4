"""IMAP4rev1 (RFC 3501) as a server speaks it: bytes in, typed commands out, response bytes back. Never any I/O here."""
