"""One push to one subscription: encrypted for its client, signed with the key it was made under, posted.

The law: each message has randomness of its own; what a subscription has keys for never leaves unencrypted. All messages
to a URL are signed, the code for its verification too (RFC 9749 4).
"""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from actors.push.client import PushClient
from cluster.clock import Clock, Dice
from gateway.push.poster import Posting
from gateway.push.settings import PushSettings
from mail.jmap import push
from mail.jmap.subscriptions import Subscription
from mail.webpush import base64url, requesting, vapid
from mail.webpush.coding import SALT_BYTES
from mail.webpush.encrypting import PLAIN_BYTES_MAX, SEED_BYTES, encrypted, private_key
from mail.webpush.requesting import Meaning, Urgency

CODE_TTL_S: Final = 3600  # a client that asks for a subscription is there
CHANGE_TTL_S: Final = 86_400  # a device that was off for longer looks by itself
KEYS_S: Final = 60.0  # for so long another process may sign with a key that was replaced
DAY_MS: Final = 86_400_000
LAST_DAYS: Final = 1  # that a key is kept for the last pushes to those subscriptions that end with it
TOKENS_MAX: Final = 1000  # one a push service and key: about 400 bytes each


class Outcome(NamedTuple):
    """What became of it. `wait_s`: what the service asks for; None: nothing."""

    meaning: Meaning
    wait_s: float | None = None
    why: str = ""


class Pusher:
    """One a process."""

    def __init__(
        self, post: Posting, client: PushClient, clock: Clock, dice: Dice, settings: PushSettings | None = None
    ) -> None:
        self._post = post
        self._client = client
        self._clock = clock
        self._dice = dice
        self._settings = settings or PushSettings()
        self._keys: dict[str, EllipticCurvePrivateKey] = {}  # by how they are shown, the newest last
        self._replaced_ms: dict[str, int] = {}  # when others took their places
        self._read_at = 0.0  # until when they are not read again
        self._lock = asyncio.Lock()
        self._tokens: dict[tuple[str, str], tuple[int, str]] = {}

    async def server_key(self) -> str:
        """The key that a session shows (RFC 9749 3). Raises Unavailable."""
        return list(await self._known())[-1]

    async def signs(self, server_key: str) -> bool:
        """Whether subscriptions that were made under a key go on; if not, they have to go (RFC 9749 5). Raises
        Unavailable."""
        known = server_key in await self._known()
        oldest_ms = self._clock.now_ms() - self._settings.old_key_days * DAY_MS
        return known and self._replaced_ms.get(server_key, oldest_ms) >= oldest_ms

    async def renew(self) -> None:
        """Replace the key where it is time, and drop old ones whose time is over. Raises Unavailable."""
        now_ms, days = self._clock.now_ms(), self._settings.key_days
        await self._client.renew(
            self._dice.randbytes(SEED_BYTES),
            rotate_before_ms=now_ms - days * DAY_MS if days else 0,
            retire_before_ms=now_ms - (self._settings.old_key_days + LAST_DAYS) * DAY_MS,
        )
        self._read_at = 0.0

    async def verify(self, subscription: Subscription) -> Outcome:
        """Push its code (RFC 8620 7.2.2). Raises Unavailable."""
        data = orjson.dumps(push.push_verification(subscription.id, subscription.code))
        return await self._push(subscription, data, CODE_TTL_S, "normal", "")

    async def tell(self, subscription: Subscription, changed: Mapping[str, Mapping[str, str]]) -> Outcome:
        """Push a StateChange, which PLAIN_BYTES_MAX has room for. Raises Unavailable."""
        urgency: Urgency = "normal" if any("EmailDelivery" in states for states in changed.values()) else "low"
        return await self._push(subscription, _bytes(changed), CHANGE_TTL_S, urgency, topic_of(changed))

    async def _push(self, to: Subscription, data: bytes, ttl_s: int, urgency: Urgency, topic: str) -> Outcome:
        key = (await self._known()).get(to.server_key)
        if key is None:
            return Outcome("gone", why="the key it was made under is gone")
        keys = to.keys
        body = data
        if keys is not None:
            body = encrypted(
                data, keys, self._dice.randbytes(SALT_BYTES), private_key(self._dice.randbytes(SEED_BYTES))
            )
        fields = requesting.fields(
            ttl_s,
            encrypted=keys is not None,
            urgency=urgency,
            topic=topic,
            authorization=vapid.authorization(self._token(key, to), to.server_key),
        )
        answer = await self._post(to.url, body, fields)
        if answer.forbidden:
            return Outcome("gone", why=answer.why)
        wait_s = requesting.retry_after_s(answer.retry_after, self._clock.now_ms() / 1000)
        return Outcome(requesting.meaning(answer.status) if answer.status else "again", wait_s, answer.why)

    def _token(self, key: EllipticCurvePrivateKey, to: Subscription) -> str:
        """Of the key for the service: the same until half of its life is over (RFC 8292 2)."""
        now_s = self._clock.now_ms() // 1000
        name = (to.server_key, vapid.audience(to.url))
        until_s, token = self._tokens.get(name, (0, ""))
        if until_s - now_s < vapid.LIFE_S // 2:
            if len(self._tokens) >= TOKENS_MAX:
                self._tokens.clear()
            until_s = now_s + vapid.LIFE_S
            token = vapid.token(key, name[1], until_s, self._settings.contact)
            self._tokens[name] = (until_s, token)
        return token

    async def _known(self) -> dict[str, EllipticCurvePrivateKey]:
        async with self._lock:
            now = self._clock.monotonic()
            if not self._keys or now >= self._read_at:
                seeds = await self._client.seeds(self._dice.randbytes(SEED_BYTES))
                made = [(private_key(one.seed), one.replaced_ms) for one in seeds]
                self._keys = {vapid.server_key(key): key for key, _at in made}
                self._replaced_ms = {vapid.server_key(key): at for key, at in made if at is not None}
                self._read_at = now + KEYS_S
            return self._keys


def topic_of(changed: Mapping[str, Mapping[str, str]]) -> str:
    """The same for messages about the same types of the same accounts, of which only the newest need be delivered (RFC
    8030 5.4)."""
    names = sorted(f"{account}.{name}" for account, states in changed.items() for name in states)
    return base64url.encode(hashlib.sha256(" ".join(names).encode()).digest())[: requesting.TOPIC_CHARS_MAX]


def pieces(changed: Mapping[str, Mapping[str, str]], room: int = PLAIN_BYTES_MAX) -> list[dict[str, Mapping[str, str]]]:
    """What has changed, in as many StateChanges as are needed for each to fit; an account is never in two."""
    found: list[dict[str, Mapping[str, str]]] = []
    for account, states in changed.items():
        if found and len(_bytes(found[-1] | {account: states})) <= room:
            found[-1][account] = states
        else:
            found.append({account: states})
    return found


def _bytes(changed: Mapping[str, Mapping[str, str]]) -> bytes:
    return orjson.dumps(push.state_change(changed))
