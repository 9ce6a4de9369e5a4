"""A SASL exchange, its questions put to the directory: one for SMTP, IMAP and POP3, which only frame it. Nothing here
may log a password or a response.

Nobody is logged in before the directory said so, and to act as somebody else (an authorisation identity) is refused.
"""

import asyncio
import binascii
from collections.abc import Sequence
from typing import Final, Protocol

from cluster.clock import Dice
from mail import sasl

NONCE_BYTES: Final = 18  # 24 characters of base64: never twice
NOT_ONESELF: Final = "may not act as another"
_PAUSE_S_MAX: Final = 5.0  # longer only fills our own connection table


class Principal(Protocol):
    """Who has proved to be whom."""

    @property
    def account(self) -> int:
        """The account's id."""
        ...

    @property
    def login(self) -> str:
        """The name for logs."""
        ...


class Directory(Protocol):
    """Who may log in. What is asked may raise Unavailable."""

    async def verify(self, login: str, password: str) -> Principal | None:
        """Who that is, None when the name or the password is wrong; slow by intent, off the event loop."""
        ...

    async def principal(self, login: str) -> Principal | None:
        """Who has that name, without proof."""
        ...

    async def scram(self, login: str) -> sasl.ScramKeys | None:
        """The keys to check a SCRAM exchange with, None when there is no such account."""
        ...

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...

    @property
    def token_scope(self) -> str:
        """What a token must be good for; empty: anything."""
        ...

    async def token(self, login: str, token: str) -> Principal | None:
        """Whose token this is; `login`: who it has to be, or empty. None when it is not valid."""
        ...


class Login:
    """One exchange."""

    def __init__(
        self, mechanism: str, directory: Directory, *, dice: Dice, secret: bytes, bindings: Sequence[sasl.Binding] = ()
    ) -> None:
        """`bindings`: of the connection, where -PLUS is offered."""
        nonce = binascii.b2a_base64(dice.randbytes(NONCE_BYTES), newline=False).decode()
        scope = directory.token_scope
        self._exchange = sasl.begin(mechanism, nonce=nonce, secret=secret, bindings=bindings, scope=scope)
        self._directory = directory
        self._verified: Principal | None = None

    async def step(self, data: bytes) -> bytes | Principal | sasl.Failed:
        """A challenge, who it is, or why not (NOT_ONESELF for who would be another). Raises Unavailable."""
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
                return await self._directory.scram(user)
            case sasl.NeedToken(user, token):
                self._verified = await self._directory.token(user, token)
            case sasl.NeedPassword(user, password):
                self._verified = await self._directory.verify(user, password)
        return self._verified is not None

    async def _done(self, authcid: str, authzid: str) -> Principal | sasl.Failed:
        if authzid not in {"", authcid}:
            return sasl.Failed(NOT_ONESELF, authcid)
        principal = self._verified or await self._directory.principal(authcid)
        return principal or sasl.Failed("login is gone", authcid)


async def pause_after_failure(count: int, pause_s: float) -> None:
    """Make guessing slow: longer with each failure, but bounded."""
    await asyncio.sleep(min(_PAUSE_S_MAX, pause_s * count))
