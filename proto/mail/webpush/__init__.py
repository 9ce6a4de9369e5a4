"""Web push as an application server speaks it: RFC 8030, with bodies of RFC 8188 and 8291, and RFC 8292's identity.

The law: pure; time and randomness are passed in, and no key is ever part of an error's text.
"""
