"""What lets somebody in besides the one password: app passwords, and the second factor; what a transaction does to
them.

The law: of a secret that was made here only digests are kept, but for the second factor's, which codes are made from:
it is in a row of its own, read to check a code and by nothing else. Nothing here is ever shown or logged.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from actors.directory import keys, opaque, rows, scopes, totp
from actors.directory.accounts import named
from actors.directory.types import AccountId
from cluster.errors import AlreadyExists, NotFound, Refused
from cluster.meta.store import Reader, Transaction
from mail.sasl import ScramKeys

APP_PASSWORDS_MAX: Final = 32  # of one account; each is tried where the password is not the account's own
LABEL_CHARS_MAX: Final = 64
DAY_MS: Final = 24 * 3600 * 1000


class AppPassword(msgspec.Struct, frozen=True):
    """A password for one program. `used_ms` is right to the day."""

    id: bytes
    label: str
    digest: bytes
    scram: ScramKeys
    services: tuple[str, ...]
    created_ms: int
    used_ms: int = 0

    def __repr__(self) -> str:
        return f"AppPassword({self.id.hex()})"

    def fits(self, account: AccountId, password: str, service: str) -> bool:
        """Whether this is it, and good for the service."""
        right = opaque.same(self.digest, account, totp.plain(password).encode(errors="surrogatepass"))
        return scopes.covers(self.services, service) and right


class SecondFactor(msgspec.Struct, frozen=True):
    """An authenticator app, and the digests of the codes for who lost it."""

    secret: bytes
    recovery: tuple[bytes, ...]
    created_ms: int
    step: int = 0  # the last that was used

    def __repr__(self) -> str:
        return "SecondFactor(…)"


class Proofs(msgspec.Struct, frozen=True):
    """What `verify` has to know of an account."""

    app_passwords: tuple[AppPassword, ...] = ()
    second_factor: bool = False

    def fitting(self, account: AccountId, password: str, service: str) -> AppPassword | None:
        """The app password that this is; all are looked at, so that the time does not tell which."""
        return next((one for one in [p for p in self.app_passwords if p.fits(account, password, service)]), None)


async def proofs(reader: Reader, account: AccountId) -> Proofs:
    """Those of an account."""
    found = await reader.range(*keys.app_passwords(account))
    factor = await reader.get(keys.second_factor(account))
    return Proofs(tuple(rows.decode(value, AppPassword) for _, value in found), factor is not None)


async def app_passwords(reader: Reader, account: AccountId) -> list[AppPassword]:
    """All, oldest first."""
    found = await reader.range(*keys.app_passwords(account))
    return sorted((rows.decode(value, AppPassword) for _, value in found), key=lambda one: (one.created_ms, one.id))


async def add_app_password(tx: Transaction, login: str, made: AppPassword, password: str) -> AppPassword:
    """Keep one. Raises NotFound, Refused."""
    account = await named(tx, login)
    if account.shared:
        raise Refused(f"Nobody logs in as {account.login}: it is a shared account.")
    label = " ".join(made.label.split())
    if not label or len(label) > LABEL_CHARS_MAX or not label.isprintable():
        raise Refused(f"Name what the app password is for, in at most {LABEL_CHARS_MAX} characters.")
    wanted = tuple(name for name in scopes.SERVICES if name in made.services)
    if not wanted or len(wanted) != len(frozenset(made.services)):
        raise Refused(f"An app password is for one or more of: {', '.join(scopes.SERVICES)}.")
    there = await app_passwords(tx, account.id)
    if len(there) >= APP_PASSWORDS_MAX:
        raise Refused(f"An account may have at most {APP_PASSWORDS_MAX} app passwords; revoke one first.")
    if any(one.label == label for one in there):
        raise AlreadyExists(f"There is an app password named {label} already.")
    digest = opaque.digest(account.id, totp.plain(password).encode())
    kept = replace(made, label=label, services=wanted, digest=digest)
    rows.put(tx, keys.app_password(account.id, kept.id), kept)
    return kept


async def remove_app_password(tx: Transaction, login: str, which: str) -> AppPassword:
    """Remove one, named by its number in hexadecimal or its label. Raises NotFound."""
    account = await named(tx, login)
    for one in await app_passwords(tx, account.id):
        if which in (one.id.hex(), one.label):
            tx.clear(keys.app_password(account.id, one.id))
            return one
    raise NotFound(f"{account.login} has no app password {which}.")


async def note_use(tx: Transaction, account: AccountId, ident: bytes, now_ms: int) -> None:
    """Note the day on which an app password was used."""
    key = keys.app_password(account, ident)
    value = await tx.get(key)
    if value is None:
        return
    found: AppPassword = rows.decode(value, AppPassword)
    if found.used_ms // DAY_MS < now_ms // DAY_MS:
        rows.put(tx, key, replace(found, used_ms=now_ms // DAY_MS * DAY_MS))


async def add_second_factor(
    tx: Transaction, login: str, secret: bytes, code: str, recovery: list[str], now_ms: int
) -> None:
    """Ask for a code from now on, once the app has shown that it makes the right ones. Raises NotFound, Refused,
    AlreadyExists."""
    account = await named(tx, login)
    if account.shared:
        raise Refused(f"Nobody logs in as {account.login}: it is a shared account.")
    if await tx.get(keys.second_factor(account.id)) is not None:
        raise AlreadyExists("There is an authenticator app already; remove it first.")
    step = totp.matching(secret, code, now_ms, 0)
    if step is None:
        raise Refused("The code is wrong. Look at the app again, and at the time of your phone.")
    digests = tuple(opaque.digest(account.id, totp.plain(text).encode()) for text in recovery)
    rows.put(tx, keys.second_factor(account.id), SecondFactor(secret, digests, now_ms, step))


async def remove_second_factor(tx: Transaction, login: str) -> None:
    """Ask for no code any more. Raises NotFound."""
    account = await named(tx, login)
    if await tx.get(keys.second_factor(account.id)) is None:
        raise NotFound(f"{account.login} has no second factor.")
    tx.clear(keys.second_factor(account.id))


async def take_code(tx: Transaction, account: AccountId, code: str, now_ms: int) -> bool:
    """Whether a code is right; it is used then. An account without a second factor needs none."""
    key = keys.second_factor(account)
    value = await tx.get(key)
    if value is None:
        return True
    factor: SecondFactor = rows.decode(value, SecondFactor)
    if totp.is_code(code):
        step = totp.matching(factor.secret, code, now_ms, factor.step)
        changed: dict[str, Any] = {"step": step} if step is not None else {}
    else:
        typed = totp.plain(code).encode(errors="surrogatepass")
        left = tuple(kept for kept in factor.recovery if not opaque.same(kept, account, typed))
        changed = {"recovery": left} if len(left) < len(factor.recovery) else {}
    if changed:
        rows.put(tx, key, replace(factor, **changed))
    return bool(changed)


async def factor_status(reader: Reader, account: AccountId) -> tuple[int, int] | None:
    """Since when there is a second factor (ms), and how many recovery codes are left; None where there is none."""
    value = await reader.get(keys.second_factor(account))
    if value is None:
        return None
    factor: SecondFactor = rows.decode(value, SecondFactor)
    return factor.created_ms, len(factor.recovery)
