"""POP3 (RFC 1939, with RFC 2449, 5034 and 6856) as a server speaks it: octets in, commands out, responses back.

The law: pure; nothing here knows who the client is, or what is in a mailbox.
"""
