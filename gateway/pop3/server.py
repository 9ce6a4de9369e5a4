"""The POP3 server: the listeners of mail access, with POP3's connections.

The law: as of every server of mail access (gateway/access/server.py).
"""

from gateway.access.server import Server
from gateway.pop3.connection import Connection
from gateway.pop3.parts import Services


class Pop3Server(Server):
    """All POP3 listeners of a process and their connections."""

    _services: Services

    def _connection(self, number: str, *, secure: bool, ip: str) -> Connection:
        return Connection(self, self._services, number, secure=secure, ip=ip)
