"""Signing what leaves: with whose keys, over which fields, and where the work is done.

The law: a message is signed for a domain only where that domain is ours and has keys that sign; what cannot be signed
leaves unsigned and is counted, never held back for it: receivers treat it as they treat all unsigned mail. The message
must leave as it was signed, byte for byte.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Final, Literal, Protocol

import msgspec
import structlog
from msgspec import Meta

from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.smtp.header import authors
from mail.trust.arc import Verdict
from mail.trust.arc_seal import seal
from mail.trust.dkim_canon import Signable
from mail.trust.dkim_sign import HEADERS, OVERSIGNED, SigningKey, sign
from mail.trust.dkim_signature import a_labels
from mail.trust.dkim_tags import BadTags

THREADED_FROM_BYTES: Final = 256 * 1024  # hashed in 0.6 ms and more; below that a thread costs more than it spares
HEAD_BYTES_MAX: Final = 256 * 1024  # looked at for From

_log = structlog.get_logger()


class SigningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DKIM signatures of mail that leaves. Keys: `rookery domain dkim`."""

    enabled: Annotated[bool, Meta(description="Sign the mail of domains that have keys.")] = True
    headers: Annotated[
        tuple[str, ...], Meta(description="Fields that are signed where they are there; From always is.")
    ] = HEADERS
    oversigned: Annotated[
        tuple[str, ...],
        Meta(description="Of these none may be added later: they are named once more than they are there."),
    ] = tuple(sorted(OVERSIGNED))
    header_form: Annotated[
        Literal["relaxed", "simple"], Meta(description="Canonicalization of fields; simple breaks at any change.")
    ] = "relaxed"
    body_form: Annotated[
        Literal["relaxed", "simple"],
        Meta(description="Canonicalization of the body; simple costs a third of the time for large mail."),
    ] = "relaxed"
    expire_days: Annotated[int, Meta(description="How long a signature is good (x=); 0: for ever.", ge=0, le=3650)] = 0


class Keys(Protocol):
    """Of the directory, what a signer asks."""

    async def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys that sign the mail of a domain, ready to."""
        ...


class Signer:
    """Signs messages for their domains."""

    def __init__(self, keys: Keys, clock: Clock, settings: SigningSettings) -> None:
        self._keys = keys
        self._clock = clock
        self._settings = settings

    async def sign(self, message: bytes, domain: str = "") -> bytes:
        """The fields to put in front of the message; empty where it is not to be signed.

        `domain`: whose keys sign, as a rule may say; empty: that of From's one author. Raises nothing of the
        directory's: a store that is away leaves mail unsigned.
        """
        if not self._settings.enabled:
            return b""
        name = _a_labels(domain) if domain else author_domain(message)
        if not name:
            return b""
        try:
            keys = await self._keys.signing_keys(name)
        except Trouble as trouble:
            _log.warning("dkim_not_signed", domain=name, why=trouble.log)
            return b""
        if not keys:
            return b""
        if len(message) >= THREADED_FROM_BYTES:
            return await asyncio.to_thread(self._signed, message, keys)
        return self._signed(message, keys)

    async def seal(self, message: bytes, domains: Iterable[str], authserv_id: str, field: bytes, cv: Verdict) -> bytes:
        """The ARC set to put in front of a message that is sent on (RFC 8617 5.1), by the first of the domains that has
        a key; empty where none has, or nothing may be added. `field`: our Authentication-Results of it, whole."""
        for name in dict.fromkeys(domains):
            try:
                keys = await self._keys.signing_keys(name)
            except Trouble as trouble:
                _log.warning("arc_not_sealed", domain=name, why=trouble.log)
                return b""
            if keys:
                payload = field.partition(b";")[2].decode("utf-8", "replace").strip()
                now_s = self._clock.now_ms() // 1000
                work = partial(seal, message, authserv_id, payload, cv, keys[0], now_s)
                return await asyncio.to_thread(work) if len(message) >= THREADED_FROM_BYTES else work()
        return b""

    def _signed(self, message: bytes, keys: Sequence[SigningKey]) -> bytes:
        settings = self._settings
        return sign(
            Signable(message),
            keys,
            self._clock.now_ms() // 1000,
            headers=settings.headers,
            oversigned=settings.oversigned,
            forms=(settings.header_form, settings.body_form),
            expire_s=settings.expire_days * 24 * 3600,
        )


def author_domain(message: bytes) -> str:
    """The domain of From in A-labels; empty where there is no From, or its authors are of several domains."""
    head = message[:HEAD_BYTES_MAX].partition(b"\r\n\r\n")[0]
    found = authors(head)
    domains = {_a_labels(author.rpartition("@")[2]) for author in found or ()}
    return domains.pop() if len(domains) == 1 else ""


def _a_labels(domain: str) -> str:
    try:
        return a_labels(domain.strip(), "d")
    except BadTags:
        return ""
