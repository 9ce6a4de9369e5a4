"""What programs were let do: codes, tokens and devices of this server's own OAuth 2, over the store.

The law: a valid access token is remembered for REMEMBERED_S at most, so a token that is revoked on any node ends
everywhere within that time, and at once where it was revoked. What is remembered is a keyed digest. No row here changes
the directory's version: a token every second would empty every cache.
"""

import hashlib
from collections import OrderedDict
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from actors.directory import devices, granting, opaque
from actors.directory.devices import Device, Wait
from actors.directory.granting import Code, Dealt, Grant, Granted, Lives, Refusal, Tokens
from actors.directory.noting import Noting
from actors.directory.opaque import Kind, Opaque
from actors.directory.types import AccountId
from cluster.clock import Clock, Dice
from cluster.config.secret import Secret
from cluster.errors import Misconfigured
from cluster.meta.store import Store, Transaction

REMEMBERED_S: Final = 5.0
REMEMBERED_MAX: Final = 10_000  # about 4 MB


class AuthorizationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """This server's own OAuth 2: programs that log in with a page in the browser instead of a password."""

    issuer: Annotated[
        str,
        Meta(
            description="Where browsers reach this server, `https://mail.example.org`, without a path; a listener with "
            'protocol = "https" serves it. Empty: no tokens are given out.'
        ),
    ] = ""
    access_token_s: Annotated[int, Meta(description="How long an access token is valid.", ge=60, le=86_400)] = 3600
    refresh_token_days: Annotated[
        int,
        Meta(description="After how many days without use a program has to be let in again.", ge=1, le=3650),
    ] = 90
    registration: Annotated[
        bool, Meta(description="Whether programs that nobody told of may introduce themselves (RFC 7591).")
    ] = True
    introspection_secret: Annotated[
        Secret,
        Meta(
            description='What other servers of yours show to be told whose a token is (RFC 7662), as { env = "NAME" } '
            'or { file = "PATH" }; without it nobody is told.'
        ),
    ] = Secret()


class Pending(NamedTuple):
    """What a device is told: a code to keep, one to show, and for how long both are good."""

    device_code: str
    user_code: str
    expires_s: int
    interval_s: int


class Authorizations:
    """Those of a directory. All raise what the store does."""

    def __init__(self, store: Store, clock: Clock, dice: Dice, settings: AuthorizationSettings) -> None:
        """Raises Misconfigured."""
        if settings.issuer:
            check_issuer(settings.issuer)
        self._store = store
        self._clock = clock
        self._dice = dice
        self.settings = settings
        self._lives = Lives(settings.access_token_s * 1000, settings.refresh_token_days * granting.DAY_MS)
        self._key = dice.randbytes(32)
        self._known: OrderedDict[bytes, tuple[Granted, int]] = OrderedDict()  # digest -> what, until when in ms
        self._noting = Noting(store, clock)

    async def new_code(
        self,
        account: AccountId,
        client_id: str,
        client_name: str,
        redirect_uri: str,
        challenge: str,
        scopes: tuple[str, ...],
        *,
        offline: bool = False,
    ) -> str:
        """An authorization code for who has logged in and agreed. `offline`: a refresh token is given in any case."""
        now = self._clock.now_ms()
        given = Opaque(Kind.CODE, account, self._draw(opaque.ID_BYTES), self._draw(opaque.SECRET_BYTES))
        digest, client = opaque.digest(account, given.secret), granting.client_digest(client_id)
        until_ms = now + granting.CODE_MS
        code = Code(digest, client, client_name, redirect_uri, challenge, scopes, until_ms, offline=offline)
        await self._store.transact(lambda tx: granting.put_code(tx, given, code, now))
        return given.text()

    async def redeem(self, client_id: str, code: str, redirect_uri: str, verifier: str) -> Tokens | None:
        """Tokens for a code; None where it is not valid, now or any more."""
        given = opaque.read(code, Kind.CODE)
        if given is None:
            return None
        client, dealt, now = granting.client_digest(client_id), self._dealt(), self._clock.now_ms()
        tokens = await self._store.transact(
            lambda tx: granting.redeem(tx, given, client, redirect_uri, verifier, dealt, self._lives, now)
        )
        if tokens is None:
            self._forget(given.account, given.grant)
        return tokens

    async def refresh(self, client_id: str, token: str, wanted: tuple[str, ...] = ()) -> Tokens | Refusal:
        """The next tokens, for `wanted` of what was granted (empty: all)."""
        given = opaque.read(token, Kind.REFRESH)
        if given is None:
            return Refusal.GRANT
        client, dealt, now = granting.client_digest(client_id), self._dealt(), self._clock.now_ms()
        tokens = await self._store.transact(
            lambda tx: granting.refresh(tx, given, client, wanted, dealt, self._lives, now)
        )
        if tokens is Refusal.GRANT:
            self._forget(given.account, given.grant)
        return tokens

    async def granted(self, token: str) -> Granted | None:
        """What a refresh token stands for, without using it."""
        given = opaque.read(token, Kind.REFRESH)
        return await granting.refreshable(self._store, given, self._clock.now_ms()) if given is not None else None

    async def access(self, token: str) -> Granted | None:
        """What an access token stands for; of another server's, None."""
        given = opaque.read(token, Kind.ACCESS)
        if given is None:
            return None
        digest = hashlib.blake2b(token.encode(), digest_size=32, key=self._key).digest()
        now = self._clock.now_ms()
        kept, until_ms = self._known.get(digest, (None, 0))
        if kept is not None and until_ms > now:
            return kept
        found = await granting.access(self._store, given, now)
        if found is None:
            self._known.pop(digest, None)
            return None
        self._known[digest] = found, min(found.until_ms, now + round(REMEMBERED_S * 1000))
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        grant = (found.account, found.grant)
        await self._noting.used(grant, lambda tx, at_ms: granting.note_use(tx, *grant, at_ms))
        return found

    async def revoke(self, client_id: str, token: str) -> None:
        """End what a token of this program belongs to; of any other nothing."""
        given = opaque.read(token, Kind.ACCESS) or opaque.read(token, Kind.REFRESH)
        if given is None:
            return
        client, now = granting.client_digest(client_id), self._clock.now_ms()
        await self._store.transact(lambda tx: granting.revoke(tx, given, client, now))
        self._forget(given.account, given.grant)

    async def stands(self, account: AccountId, ident: bytes) -> bool:
        """Whether a grant is there still, and not over."""
        return await granting.stands(self._store, account, ident, self._clock.now_ms())

    async def grants(self, account: AccountId) -> list[Grant]:
        """What an account has granted, the last used first."""
        return await granting.grants(self._store, account, self._clock.now_ms())

    async def remove_grant(self, account: AccountId, ident: bytes) -> bool:
        """End one; whether it was there."""
        there = await self._store.transact(lambda tx: granting.drop(tx, account, ident))
        self._forget(account, ident)
        return there

    async def new_device(
        self, client_id: str, client_name: str, scopes: tuple[str, ...], *, offline: bool = False
    ) -> Pending:
        """A device that waits to be let in. `offline`: as of a code. Raises Unavailable where too many do."""
        now, code, secret = self._clock.now_ms(), devices.draw(self._dice), self._draw(opaque.SECRET_BYTES)
        client, until_ms = granting.client_digest(client_id), now + devices.DEVICE_MS
        device = Device(code, opaque.digest(0, secret), client, client_name, scopes, until_ms, offline=offline)
        await self._store.transact(lambda tx: devices.add(tx, device, now))
        text = devices.device_code(code, secret)
        return Pending(text, devices.shown(code), devices.DEVICE_MS // 1000, devices.INTERVAL_S)

    async def device(self, typed: str) -> Device | None:
        """The device that shows a code, as somebody typed it."""
        code = devices.typed(typed)
        return await devices.waiting(self._store, code, self._clock.now_ms()) if code else None

    async def decide(self, typed: str, account: AccountId, *, allowed: bool) -> bool:
        """Let a device in, or turn it away; whether it was waiting."""
        code, now = devices.typed(typed), self._clock.now_ms()
        if not code:
            return False
        return await self._store.transact(lambda tx: devices.decide(tx, code, account, allowed, now))

    async def poll(self, client_id: str, device_code: str) -> Tokens | Wait | None:
        """Tokens for a device; why there are none yet; None where the code is not valid."""
        client, dealt, now = granting.client_digest(client_id), self._dealt(), self._clock.now_ms()
        ident = self._draw(opaque.ID_BYTES)

        async def polling(tx: Transaction) -> Tokens | Wait | None:
            found = await devices.poll(tx, device_code, client, now)
            if not isinstance(found, Device):
                return found
            name, granted, offline = found.client_name, found.scopes, found.offline
            return await granting.begin(
                tx, found.account, ident, client, name, granted, dealt, self._lives, now, offline=offline
            )

        return await self._store.transact(polling)

    def _dealt(self) -> Dealt:
        return Dealt(*(self._draw(opaque.SECRET_BYTES) for _ in range(3)))

    def _draw(self, count: int) -> bytes:
        return self._dice.randbytes(count)

    def _forget(self, account: AccountId, grant: bytes) -> None:
        """What was remembered of a grant; it is seldom, so all are looked through."""
        gone = [key for key, (one, _) in self._known.items() if (one.account, one.grant) == (account, grant)]
        for key in gone:
            del self._known[key]


def check_issuer(issuer: str) -> None:
    """RFC 8414 2: https, and no query or fragment; no path, so that the well-known addresses are the root's. Raises
    Misconfigured."""
    host = issuer.removeprefix("https://")
    if host == issuer or not host or any(char in host for char in "/?#@ ") or not host.isascii():
        raise Misconfigured(f"{issuer!r} is not https://HOST or https://HOST:PORT")
