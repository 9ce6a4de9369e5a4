"""What a transaction does with authorization codes, and with grants and their tokens (RFC 6749, RFC 7636, RFC 9700).

The law: a code works once, within a minute, for the program, the redirect URI and the PKCE challenge that it was made
for; used again, what was made from it ends. A refresh token works once: one that was used already ends its grant,
whoever has it, but for the one before the last within GRACE_MS, as an answer may be lost on its way to a telephone.
All tokens of a grant are in its one row: without the row there is none.
"""

import base64
import hashlib
import hmac
from enum import Enum
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from actors.directory import keys, opaque, rows, scopes
from actors.directory.opaque import Kind, Opaque
from actors.directory.types import AccountId
from cluster.meta.store import Reader, Transaction

CODE_MS: Final = 60_000  # RFC 6749 4.1.2 allows ten minutes; a program on the same device needs a second
USED_MS: Final = 3_600_000  # a used code is known for so long, to see that it is used again
GRACE_MS: Final = 30_000
CODES_MAX: Final = 20  # of one account
GRANTS_MAX: Final = 50  # of one account; of more the least used is forgotten
ACCESS_MAX: Final = 8  # tokens of one grant that are valid at once; of more the oldest ends
DAY_MS: Final = 24 * 3600 * 1000


class Code(msgspec.Struct, frozen=True):
    """An authorization code. `client`: the digest of the program's name (client_id). `offline`: a refresh token is
    given, whether or not the scopes ask for it."""

    digest: bytes
    client: bytes
    client_name: str
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    until_ms: int
    used: bool = False
    offline: bool = False


class Access(msgspec.Struct, frozen=True, array_like=True):
    """An access token."""

    digest: bytes
    scopes: tuple[str, ...]
    until_ms: int


class Grant(msgspec.Struct, frozen=True):
    """What somebody let a program do. `family`, `turn` and `before` are digests of the refresh token: of what all of
    them share, of what the newest has, and the one before. Without `turn` there is none."""

    id: bytes
    client: bytes
    client_name: str
    scopes: tuple[str, ...]
    created_ms: int
    used_ms: int
    until_ms: int
    family: bytes = b""
    turn: bytes = b""
    before: bytes = b""
    turned_ms: int = 0
    access: tuple[Access, ...] = ()


class Lives(NamedTuple):
    """How long tokens are valid."""

    access_ms: int
    refresh_ms: int  # since it was last used


class Dealt(NamedTuple):
    """Chance for what a transaction may hand out, drawn before it begins."""

    access: bytes
    family: bytes
    turn: bytes


class Tokens(NamedTuple):
    """What a program is given; `refresh` may be empty."""

    access: str
    refresh: str
    scopes: tuple[str, ...]
    expires_s: int

    def __repr__(self) -> str:
        return f"Tokens(scopes={self.scopes})"


class Refusal(Enum):
    """Why a refresh token gives no tokens (RFC 6749 5.2)."""

    GRANT = "invalid_grant"
    SCOPE = "invalid_scope"


class Granted(NamedTuple):
    """What a valid token stands for."""

    account: AccountId
    grant: bytes
    client: bytes
    scopes: tuple[str, ...]
    created_ms: int
    until_ms: int


def client_digest(client_id: str) -> bytes:
    """What is kept of a program's name."""
    return hashlib.sha256(client_id.encode()).digest()


def challenge_of(verifier: str) -> str:
    """RFC 7636 4.2, S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def put_code(tx: Transaction, given: Opaque, code: Code, now_ms: int) -> None:
    """Keep a code, and of the others only those that are of use."""
    found = await tx.range(*keys.codes(given.account))
    kept = []
    for key, value in found:
        other: Code = rows.decode(value, Code)
        if other.until_ms + (USED_MS if other.used else 0) <= now_ms:
            tx.clear(key)
        else:
            kept.append((other.until_ms, key))
    for _, key in sorted(kept)[: max(len(kept) + 1 - CODES_MAX, 0)]:
        tx.clear(key)
    rows.put(tx, keys.code(given.account, given.grant), code)


async def redeem(
    tx: Transaction,
    given: Opaque,
    client: bytes,
    redirect_uri: str,
    verifier: str,
    dealt: Dealt,
    lives: Lives,
    now: int,
) -> Tokens | None:
    """Tokens for a code; None where it gives none, and then never again. `now`: in milliseconds."""
    key = keys.code(given.account, given.grant)
    value = await tx.get(key)
    code: Code | None = rows.decode(value, Code) if value is not None else None
    if code is None or not opaque.same(code.digest, given.account, given.secret):
        return None
    if code.used:  # RFC 6749 4.1.2, RFC 9700 2.1.1: somebody has stolen it, first or second
        tx.clear(keys.grant(given.account, given.grant))
        return None
    rows.put(tx, key, replace(code, used=True))
    proven = hmac.compare_digest(challenge_of(verifier).encode(), code.challenge.encode())
    if not proven or code.client != client or code.redirect_uri != redirect_uri or code.until_ms <= now:
        return None
    name, granted, offline = code.client_name, code.scopes, code.offline
    return await begin(tx, given.account, given.grant, client, name, granted, dealt, lives, now, offline=offline)


async def begin(
    tx: Transaction,
    account: AccountId,
    ident: bytes,
    client: bytes,
    client_name: str,
    granted: tuple[str, ...],
    dealt: Dealt,
    lives: Lives,
    now: int,
    *,
    offline: bool = False,
) -> Tokens | None:
    """A new grant, and its first tokens; None where the account is gone."""
    if await rows.account(tx, account) is None:
        return None
    await _make_room(tx, account, now)
    grant = Grant(ident, client, client_name, granted, now, now, now + lives.access_ms)
    if offline or scopes.OFFLINE in granted:
        grant = replace(
            grant,
            family=opaque.digest(account, dealt.family),
            turn=opaque.digest(account, dealt.turn),
            until_ms=now + lives.refresh_ms,
        )
    return _hand_out(tx, account, grant, granted, dealt, lives, now)


async def refresh(
    tx: Transaction, given: Opaque, client: bytes, wanted: tuple[str, ...], dealt: Dealt, lives: Lives, now: int
) -> Tokens | Refusal:
    """The next tokens, for `wanted` of what was granted (empty: all)."""
    grant = await _grant(tx, given)
    if grant is None or not grant.turn or grant.client != client or grant.until_ms <= now:
        return Refusal.GRANT
    if not opaque.same(grant.family, given.account, given.family):
        return Refusal.GRANT
    newest = opaque.same(grant.turn, given.account, given.turn)
    before = opaque.same(grant.before, given.account, given.turn) and now - grant.turned_ms < GRACE_MS
    if not (newest or before):  # RFC 9700 4.14.2: used already, so two have it
        tx.clear(keys.grant(given.account, given.grant))
        return Refusal.GRANT
    if not all(name in grant.scopes or scopes.covers(grant.scopes, name) for name in wanted):
        return Refusal.SCOPE
    changed = replace(
        grant,
        turn=opaque.digest(given.account, dealt.turn),
        # Who comes again with the one before has it in place of one that never arrived; the grace does not grow.
        before=grant.turn if newest else grant.before,
        turned_ms=now if newest else grant.turned_ms,
        used_ms=now,
        until_ms=now + lives.refresh_ms,
    )
    kept = dealt._replace(family=given.family)
    return _hand_out(tx, given.account, changed, wanted or grant.scopes, kept, lives, now)


def _hand_out(
    tx: Transaction, account: AccountId, grant: Grant, wanted: tuple[str, ...], dealt: Dealt, lives: Lives, now: int
) -> Tokens:
    made = Access(opaque.digest(account, dealt.access), wanted, now + lives.access_ms)
    valid = tuple(one for one in grant.access if one.until_ms > now)
    rows.put(tx, keys.grant(account, grant.id), replace(grant, access=(*valid[1 - ACCESS_MAX :], made)))
    refresh_text = Opaque(Kind.REFRESH, account, grant.id, dealt.family + dealt.turn).text() if grant.turn else ""
    return Tokens(
        Opaque(Kind.ACCESS, account, grant.id, dealt.access).text(), refresh_text, wanted, lives.access_ms // 1000
    )


async def access(reader: Reader, given: Opaque, now: int) -> Granted | None:
    """What an access token stands for."""
    grant = await _grant(reader, given)
    if grant is None:
        return None
    for one in grant.access:
        if opaque.same(one.digest, given.account, given.secret) and one.until_ms > now:
            return Granted(given.account, grant.id, grant.client, one.scopes, grant.created_ms, one.until_ms)
    return None


async def refreshable(reader: Reader, given: Opaque, now: int) -> Granted | None:
    """What a refresh token stands for: only the newest does."""
    grant = await _grant(reader, given)
    if grant is None or not grant.turn or grant.until_ms <= now:
        return None
    if not opaque.same(grant.family, given.account, given.family):
        return None
    if not opaque.same(grant.turn, given.account, given.turn):
        return None
    return Granted(given.account, grant.id, grant.client, grant.scopes, grant.created_ms, grant.until_ms)


async def revoke(tx: Transaction, given: Opaque, client: bytes, now: int) -> None:
    """End the grant of a token that is this program's (RFC 7009 2.1: an access token's refresh token too). A refresh
    token that was used already is no less one of its own: the answer with the next may have been lost."""
    grant = await _grant(tx, given)
    if grant is None or grant.client != client:
        return
    if given.kind is Kind.REFRESH:
        own = opaque.same(grant.family, given.account, given.family)
    else:
        own = await access(tx, given, now) is not None
    if own:
        tx.clear(keys.grant(given.account, given.grant))


async def stands(reader: Reader, account: AccountId, ident: bytes, now: int) -> bool:
    """Whether a grant is there, and not over."""
    value = await reader.get(keys.grant(account, ident))
    return value is not None and rows.decode(value, Grant).until_ms > now


async def grants(reader: Reader, account: AccountId, now: int) -> list[Grant]:
    """What an account has granted, the last used first."""
    found: list[Grant] = [rows.decode(value, Grant) for _, value in await reader.range(*keys.grants(account))]
    return sorted((one for one in found if one.until_ms > now), key=lambda one: -one.used_ms)


async def drop(tx: Transaction, account: AccountId, ident: bytes) -> bool:
    """End a grant; whether it was there."""
    key = keys.grant(account, ident)
    there = await tx.get(key) is not None
    tx.clear(key)
    return there


async def note_use(tx: Transaction, account: AccountId, ident: bytes, now: int) -> None:
    """Note the day on which a grant was used."""
    value = await tx.get(keys.grant(account, ident))
    if value is not None:
        grant: Grant = rows.decode(value, Grant)
        if grant.used_ms // DAY_MS < now // DAY_MS:
            rows.put(tx, keys.grant(account, ident), replace(grant, used_ms=now))


async def _make_room(tx: Transaction, account: AccountId, now: int) -> None:
    valid = await grants(tx, account, now)
    keep = {one.id for one in valid[: GRANTS_MAX - 1]}
    for key, _ in await tx.range(*keys.grants(account)):
        if key[-opaque.ID_BYTES :] not in keep:
            tx.clear(key)


async def _grant(reader: Reader, given: Opaque) -> Grant | None:
    value = await reader.get(keys.grant(given.account, given.grant))
    return rows.decode(value, Grant) if value is not None else None
