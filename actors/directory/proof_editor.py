"""App passwords and second factors: the part of `Editor` that is about them.

The law: as `Editor`'s; a secret is given back once, when it is made, and never again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from actors.directory import accounts, opaque, proofs, rows, scopes, totp
from actors.directory.proofs import AppPassword
from actors.directory.types import AccountId
from actors.directory.verifier import Verifier
from cluster.clock import Clock, Dice
from cluster.errors import NotFound
from cluster.meta.store import Store

R = TypeVar("R")


class Made(NamedTuple):
    """An app password with its text, for this once."""

    kept: AppPassword
    password: str

    def __repr__(self) -> str:
        return f"Made({self.kept!r})"


class Factor(NamedTuple):
    """What may be told of a second factor."""

    created_ms: int
    recovery_left: int


class ProofEditor:
    """What people do with what lets them in, and operators where they cannot. All raise NotFound for a login that is
    not there."""

    _store: Store
    _clock: Clock
    _dice: Dice
    _verifier: Verifier

    async def add_app_password(self, login: str, label: str, services: Sequence[str] = scopes.SERVICES) -> Made:
        """A new password for one program. Raises Refused, AlreadyExists."""
        account = await accounts.named(self._store, login)
        credentials = await rows.credentials(self._store, account.id)
        if credentials is None:
            raise NotFound(f"{account.login} has no password.")
        text = totp.spelled(self._dice.randbytes(opaque.APP_PASSWORD_BYTES))
        # One salt for all that an account has, so that SCRAM, which shows it first, can take any of them.
        scram = await self._verifier.scram_keys(text, credentials.scram.salt)
        made = AppPassword(
            self._dice.randbytes(opaque.ID_BYTES), label, b"", scram, tuple(services), self._clock.now_ms()
        )
        return Made(await self._change(proofs.add_app_password, login, made, text), text)

    async def list_app_passwords(self, login: str) -> list[AppPassword]:
        """All of an account, oldest first."""
        return await proofs.app_passwords(self._store, (await accounts.named(self._store, login)).id)

    async def remove_app_password(self, login: str, which: str) -> AppPassword:
        """Revoke one, named by its number in hexadecimal or its label."""
        return await self._change(proofs.remove_app_password, login, which)

    def new_secret(self) -> bytes:
        """A secret for an authenticator app; nothing is kept of it."""
        return self._dice.randbytes(totp.SECRET_BYTES)

    async def add_second_factor(self, login: str, secret: bytes, code: str) -> list[str]:
        """From now on codes made from this secret are asked for; `code` is one. Answers codes for who loses the app,
        shown once. Raises Refused, AlreadyExists."""
        recovery = [totp.spelled(self._dice.randbytes(totp.RECOVERY_BYTES)) for _ in range(totp.RECOVERY_CODES)]
        await self._change(proofs.add_second_factor, login, secret, code, recovery, self._clock.now_ms())
        return recovery

    async def remove_second_factor(self, login: str) -> None:
        """No code is asked for any more."""
        await self._change(proofs.remove_second_factor, login)

    async def second_factor(self, login: str) -> Factor | None:
        """What may be told of an account's second factor; None where it has none."""
        account = await accounts.named(self._store, login)
        found = await proofs.factor_status(self._store, account.id)
        return Factor(*found) if found is not None else None

    async def take_code(self, account: AccountId, code: str) -> bool:
        """Whether a code of the app, or one of those for who lost it, is right: it cannot be used again. True also
        where the account has no second factor."""
        now_ms = self._clock.now_ms()
        return await self._store.transact(lambda tx: proofs.take_code(tx, account, code, now_ms))

    async def _change(self, body: Callable[..., Awaitable[R]], *arguments: Any, **settings: Any) -> R:
        """`Editor`'s."""
        raise NotImplementedError
