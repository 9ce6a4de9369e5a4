"""What the protocols that people read their mail with have in common (RFC 8314 calls them mail access).

`server` accepts connections · `connection` is one of them: bytes, time and TLS · `login` who it is · `settings` and
`metrics` that all of them have · `parts` what it stands on. A protocol adds its session, its machine and its commands.

The law: no protocol's own words are here; who reads a line of this package cannot tell IMAP from POP3.
"""
