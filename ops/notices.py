"""Signing of what the server writes itself.

The law: it is signed as its From says, where that domain has keys.
"""

from gateway.smtp.routing import domain_of
from gateway.trust.signing import Signer


class NoticeSigner:
    """Signs notices with the key of their author's domain."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def sign(self, message: bytes, sender: str) -> bytes:
        """The message with signatures in front, where the domain has keys."""
        return await self._signer.sign(message, domain_of(sender)) + message
