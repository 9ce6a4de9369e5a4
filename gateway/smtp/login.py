"""AUTH (RFC 4954): a SASL exchange, its questions put to the directory. Nothing here may log a password or a response.

Nobody is logged in before the directory said so, nor while too many failed before (gateway/logins.py); and to act as
somebody else (an authorisation identity) is refused.
"""

import binascii
from collections.abc import Sequence
from typing import Final

from actors.directory.types import Principal
from cluster.clock import Dice
from gateway.logins import Attempt
from gateway.smtp.parts import Directory
from mail import sasl

NONCE_BYTES: Final = 18  # 24 characters of base64


class Login:
    """One exchange; to be closed."""

    def __init__(
        self,
        mechanism: str,
        directory: Directory,
        attempt: Attempt,
        *,
        dice: Dice,
        secret: bytes,
        bindings: Sequence[sasl.Binding] = (),
    ) -> None:
        """`bindings`: of the connection, where -PLUS is offered."""
        nonce = binascii.b2a_base64(dice.randbytes(NONCE_BYTES), newline=False).decode()
        scope = directory.token_scope
        self._exchange = sasl.begin(mechanism, nonce=nonce, secret=secret, bindings=bindings, scope=scope)
        self._directory = directory
        self._attempt = attempt
        self._verified: Principal | None = None

    async def step(self, data: bytes) -> bytes | Principal | sasl.Failed:
        """A challenge, who it is, or why not. Raises Unavailable, and of it TooManyFailures."""
        step = self._exchange.step(data)
        while isinstance(step, sasl.NeedPassword | sasl.NeedScram | sasl.NeedToken):
            step = self._exchange.answer(await self._find(step))
        match step:
            case sasl.Challenge(challenge):
                return challenge
            case sasl.Done(authcid, authzid):
                return await self._done(authcid, authzid)
            case _:
                return step

    async def _find(
        self, question: sasl.NeedPassword | sasl.NeedScram | sasl.NeedToken
    ) -> bool | sasl.ScramKeys | None:
        match question:
            case sasl.NeedScram(user):
                await self._attempt.begin(user)
                return await self._directory.scram(user)
            case sasl.NeedToken(user, token):
                await self._attempt.begin(user, token)
                self._verified = await self._directory.token(user, token)
            case sasl.NeedPassword(user, password):
                await self._attempt.begin(user, password)
                self._verified = await self._directory.verify(user, password)
        return self._verified is not None

    async def _done(self, authcid: str, authzid: str) -> Principal | sasl.Failed:
        if authzid not in {"", authcid}:
            self._attempt.close()  # whatever proved them was right
            return sasl.Failed("may not act as another", authcid)
        principal = self._verified or await self._directory.principal(authcid)
        if principal is None:
            return sasl.Failed("login is gone", authcid)
        await self._attempt.succeeded(principal.login)
        return principal

    async def failed(self, pause_s: float) -> float:
        """Count it; how many seconds to hold the answer back."""
        return await self._attempt.failed(pause_s)

    def close(self) -> None:
        """Nothing more is tried."""
        self._attempt.close()
