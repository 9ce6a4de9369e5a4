"""The IMAP server: the listeners of mail access, and what all uploads together may hold.

The law: what commands on their way hold is counted over all connections, and given back whatever becomes of them.
"""

import ssl

from gateway.access.server import Server
from gateway.imap.connection import Connection
from gateway.imap.parts import Services


class ImapServer(Server):
    """All IMAP listeners of a process and their connections."""

    _services: Services

    def __init__(self, services: Services, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(services, tls)
        self._weight_bytes = 0  # of all commands on their way

    def weigh(self, more_bytes: int) -> bool:
        """Count what commands on their way hold; whether all connections together hold no more than they may."""
        self._weight_bytes += more_bytes
        return self._weight_bytes <= self._services.settings.memory_bytes_max

    def _connection(self, number: str, *, secure: bool, ip: str) -> Connection:
        return Connection(self, self._services, number, secure=secure, ip=ip)
