"""A SASL exchange, its questions put to the directory: one for SMTP, IMAP and POP3, which only frame it. Nothing here
may log a password or a response.

Nobody is logged in before the directory said so, and to act as somebody else (an authorisation identity) is refused.
No secret is looked at while too many were wrong (gateway/logins.py); each that is wrong is counted, and told late.
"""

import asyncio
import binascii
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

from cluster.clock import Dice
from gateway.logins import Attempt, TooManyFailures
from mail import sasl

NONCE_BYTES: Final = 18  # 24 characters of base64: never twice
NOT_ONESELF: Final = "may not act as another"

T = TypeVar("T")


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

    @property
    def credential(self) -> str:
        """With what, named for who asks later whether it is good still; empty: that is not told apart."""
        ...

    @property
    def until_ms(self) -> int:
        """When that ends by itself; 0: never."""
        ...


class Directory(Protocol):
    """Who may log in. What is asked may raise Unavailable."""

    async def verify(self, login: str, password: str, service: str = "") -> Principal | None:
        """Who that is, None when the name or the password is wrong, or not for this service; slow by intent, off the
        event loop."""
        ...

    async def principal(self, login: str, credential: str = "") -> Principal | None:
        """Who has that name, without proof. `credential`: with what they have proven it, as `scram` named it."""
        ...

    async def scram(self, login: str, service: str = "") -> sasl.ScramKeys | sasl.ScramAny | None:
        """The keys to check a SCRAM exchange with, None when there is no such account."""
        ...

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...

    def token_help(self, service: str) -> tuple[str, str]:
        """What a token must be good for, empty: anything; and where a program reads how to get one, empty: nowhere."""
        ...

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        """Whose token this is; `login`: who it has to be, or empty. None when it is not valid, or not for this
        service."""
        ...

    async def stands(self, number: int, credential: str) -> bool:
        """Whether what somebody has logged in to an account with (`Principal.credential`) would let them in now."""
        ...


class Login:
    """One exchange; to be closed."""

    def __init__(
        self,
        mechanism: str,
        directory: Directory,
        attempt: Attempt,
        *,
        service: str,
        pause_s: float,
        dice: Dice,
        secret: bytes,
        bindings: Sequence[sasl.Binding] = (),
    ) -> None:
        """`service`: what somebody logs in to, as scopes name it. `pause_s`: before the answer to a first failure.
        `bindings`: of the connection, where -PLUS is offered."""
        nonce = binascii.b2a_base64(dice.randbytes(NONCE_BYTES), newline=False).decode()
        scope, configuration = directory.token_help(service)
        self._exchange = sasl.begin(
            mechanism, nonce=nonce, secret=secret, bindings=bindings, scope=scope, configuration=configuration
        )
        self._service = service
        self._directory = directory
        self._attempt = attempt
        self._pause_s = pause_s
        self._verified: Principal | None = None

    async def step(self, data: bytes) -> bytes | Principal | sasl.Failed:
        """A challenge, who it is, or why not (NOT_ONESELF for who would be another): that after a pause. Raises
        Unavailable, and of it TooManyFailures, also after a pause."""
        step = self._exchange.step(data)
        while isinstance(step, sasl.NeedPassword | sasl.NeedScram | sasl.NeedToken):
            step = self._exchange.answer(await self._find(step))
        match step:
            case sasl.Challenge(challenge):
                return challenge
            case sasl.Done(authcid, authzid, by):
                return await self._done(authcid, authzid, by)
            case _:
                await _failed(self._attempt, self._pause_s)
                return step

    def close(self) -> None:
        """Nothing more is tried."""
        self._attempt.close()

    async def _find(self, question: sasl.NeedPassword | sasl.NeedScram | sasl.NeedToken) -> sasl.Found:
        match question:
            case sasl.NeedScram(user):
                await _begin(self._attempt, user, "", self._pause_s)
                return await self._directory.scram(user, self._service)
            case sasl.NeedToken(user, token):
                await _begin(self._attempt, user, token, self._pause_s)
                self._verified = await self._directory.token(user, token, self._service)
            case sasl.NeedPassword(user, password):
                await _begin(self._attempt, user, password, self._pause_s)
                self._verified = await self._directory.verify(user, password, self._service)
        return self._verified is not None

    async def _done(self, authcid: str, authzid: str, by: str) -> Principal | sasl.Failed:
        if authzid not in {"", authcid}:
            self._attempt.close()  # what proved them was right
            return sasl.Failed(NOT_ONESELF, authcid)
        principal = self._verified or await self._directory.principal(authcid, by)
        if principal is None:
            await _failed(self._attempt, self._pause_s)
            return sasl.Failed("login is gone", authcid)
        await self._attempt.succeeded(principal.login)
        return principal


async def verify(
    directory: Directory, attempt: Attempt, name: str, password: str, *, service: str, pause_s: float
) -> Principal | None:
    """Whose name and password these are, where no exchange is needed; None after a pause. Raises as Login.step."""
    try:
        principal = await tried(attempt, name, password, directory.verify(name, password, service), pause_s=pause_s)
        if principal is not None:
            await attempt.succeeded(principal.login)
        return principal
    finally:
        attempt.close()


async def tried(attempt: Attempt, name: str, secret: str, check: Coroutine[Any, Any, T], *, pause_s: float) -> T:
    """What a check of a secret says; false is told after a pause. Success is the caller's to note, and `attempt` to
    close. Without `secret` each failure counts, also of what was tried before: where what is right changes. Raises as
    Login.step."""
    try:
        await _begin(attempt, name, secret, pause_s)
    except BaseException:
        check.close()  # it was not looked at
        raise
    found = await check
    if not found:
        await _failed(attempt, pause_s)
    return found


async def _begin(attempt: Attempt, name: str, secret: str, pause_s: float) -> None:
    try:
        await attempt.begin(name, secret)
    except TooManyFailures:
        await asyncio.sleep(pause_s)
        raise


async def _failed(attempt: Attempt, pause_s: float) -> None:
    await asyncio.sleep(await attempt.failed(pause_s))
