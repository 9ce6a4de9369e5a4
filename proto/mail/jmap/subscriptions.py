"""The life of a PushSubscription (RFC 8620 7.2): what may be one, until when, and when it may be pushed to.

The law: nothing but the code is pushed to a URL before the client has told that code; nothing at all once it has
expired. What is written is checked, so that what is read needs no check: https only, keys that are keys, an end.
"""

import hmac
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mail.webpush import base64url
from mail.webpush.encrypting import BadKeys, Keys, keys

KIND: Final = "PushSubscription"
SUBSCRIPTIONS_MAX: Final = 20  # of one user (8.6): devices and browsers that one person has
LIFE_MS_MAX: Final = 14 * 86_400_000  # 7.2: at least 48 hours, and should be at least 7 days
URL_CHARS_MAX: Final = 2000
TYPES_MAX: Final = 100  # there are about thirty in all standards
TYPE_CHARS_MAX: Final = 255
DEVICE_CHARS_MAX: Final = 255
CODE_BYTES: Final = 24  # of randomness: nobody guesses it
VERSION: Final = 1


class Invalid(ValueError):
    """A property cannot be so: an `invalidProperties` of it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class Subscription(Struct, frozen=True, array_like=True):
    """As it is kept.

    `types` None: all. `code`: what the client has to tell; empty once it has, and then it is `told`. `server_key`: the
    public key that the session showed when it was made (RFC 9749). `credential`: what it was made with, and ends with.
    """

    version: int
    id: str
    device: str
    url: str
    p256dh: str  # empty: it has no keys
    auth: str
    created_ms: int
    expires_ms: int
    types: tuple[str, ...] | None
    code: str
    server_key: str
    credential: str
    told: str = ""

    @property
    def verified(self) -> bool:
        """Whether the client has told the code."""
        return not self.code

    @property
    def keys(self) -> Keys | None:
        """What to encrypt for; None: the client wants to read it as it is."""
        return keys(self.p256dh, self.auth) if self.p256dh else None

    @property
    def wanted(self) -> frozenset[str] | None:
        """The types it is about."""
        return None if self.types is None else frozenset(self.types)

    def live(self, now_ms: int) -> bool:
        """Whether changes are pushed to it."""
        return self.verified and now_ms < self.expires_ms


class Asked(NamedTuple):
    """What a client gives for a new one."""

    device: str
    url: str
    keys: tuple[str, str] | None = None  # p256dh and auth
    expires_ms: int | None = None
    types: Sequence[str] | None = None


def made(
    asked: Asked,
    number: str,
    now_ms: int,
    randomness: bytes,
    *,
    server_key: str,
    credential: str = "",
    until_ms: int = 0,
) -> Subscription:
    """A new one. `randomness`: CODE_BYTES for its code. `until_ms`: when the credentials themselves end, by which it is
    bounded then, and by nothing else; 0: they do not. Raises Invalid."""
    assert len(randomness) == CODE_BYTES
    if not 0 < len(asked.device) <= DEVICE_CHARS_MAX:
        raise Invalid("deviceClientId", f"1 to {DEVICE_CHARS_MAX} characters")
    check_url(asked.url)
    p256dh, auth = asked.keys or ("", "")
    if asked.keys is not None:
        try:
            keys(p256dh, auth)
        except BadKeys as bad:
            raise Invalid("keys", str(bad)) from None
    return Subscription(
        VERSION,
        number,
        asked.device,
        asked.url,
        p256dh,
        auth,
        now_ms,
        expiry(asked.expires_ms, now_ms, until_ms),
        types_of(asked.types),
        base64url.encode(randomness),
        server_key,
        credential,
    )


def check_url(url: str) -> None:
    """Raises Invalid for what nothing is pushed to. Where its host leads is seen when it is."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise Invalid("url", "no URL") from None
    if not url.startswith("https://") or not parts.hostname:  # 7.2: MUST begin so
        raise Invalid("url", "it begins with https:// and a host")
    if len(url) > URL_CHARS_MAX:
        raise Invalid("url", f"{URL_CHARS_MAX} characters at most")
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise Invalid("url", "a character that is in no URL")
    if "@" in parts.netloc or parts.fragment:
        raise Invalid("url", "no name, password or fragment")


def types_of(types: Sequence[str] | None) -> tuple[str, ...] | None:
    """Types as they are kept. Raises Invalid."""
    if types is None:
        return None
    if len(types) > TYPES_MAX or any(len(name) > TYPE_CHARS_MAX for name in types):
        raise Invalid("types", f"{TYPES_MAX} names of types at most")
    return tuple(dict.fromkeys(types))


def expiry(asked_ms: int | None, now_ms: int, until_ms: int = 0) -> int:
    """When it ends (7.2): as it is asked for, but not after `until_ms`, or where that is 0 after LIFE_MS_MAX. Raises
    Invalid for what is over."""
    latest_ms = until_ms or now_ms + LIFE_MS_MAX
    if asked_ms is None:
        return latest_ms
    if asked_ms <= now_ms:
        raise Invalid("expires", "that is over")
    return min(asked_ms, latest_ms)


def told_code(subscription: Subscription, code: str) -> Subscription:
    """The client tells a code: it is verified by now, or was before. Raises Invalid for any other (7.2.2)."""
    if subscription.verified or not hmac.compare_digest(subscription.code.encode(), code.encode("utf-8", "replace")):
        raise Invalid("verificationCode", "not the one that was pushed")
    return replace(subscription, code="", told=code)


def extended(subscription: Subscription, asked_ms: int | None, now_ms: int, until_ms: int = 0) -> Subscription:
    """With another end. It need not be verified again. Raises Invalid."""
    return replace(subscription, expires_ms=expiry(asked_ms, now_ms, until_ms))


def encode(subscription: Subscription) -> bytes:
    """As stored."""
    return msgspec.msgpack.encode(subscription)


def decode(stored: bytes) -> Subscription | None:
    """The inverse; None for what a newer version has written, or nobody can read."""
    try:
        found = _decoder.decode(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.version == VERSION else None


_decoder: Final = msgspec.msgpack.Decoder(Subscription)
