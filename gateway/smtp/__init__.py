"""SMTP, submission and LMTP for the world: `SmtpServer(World(...), Metrics(registry), tls=...)`, `start()`, `stop()`.

`parts` says what is needed of the rest, `session` decides, `connection` moves bytes, `server` listens. Keeps nothing
between connections.
"""
