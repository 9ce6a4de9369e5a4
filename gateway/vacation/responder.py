"""Answers people, once each in some days (RFC 3834, RFC 5230 4.2).

    await responder.respond(account, wish, delivered)

The law: who was answered with the same words is not answered again within DAYS. What was sent is sent under one name
until it is on record, and the queue keeps one name once: so neither a crash nor two messages at once answer twice. How
many are remembered is bounded; the oldest are forgotten first.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from actors.queue.types import Envelope
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.outbound.notices import Signer
from gateway.outbound.outgoing import Outgoing
from gateway.smtp.parts import Log
from mail.vacation.answering import why_not
from mail.vacation.build import Wish, build

KIND: Final = "VacationAnswer"
DAYS: Final = 7
ANSWERED_MAX: Final = 1000  # people of one account that are remembered
_DAY_MS: Final = 86_400_000
_SWEPT_MAX: Final = 200
_NAME_BYTES: Final = 16


class Delivered(NamedTuple):
    """A message in somebody's mailbox: the envelope's sender, the address that it came to, the person's addresses, and
    its header. `ident`: what traces call it."""

    sender: str
    address: str
    own: tuple[str, ...]
    head: bytes
    ident: str
    require_tls: bool = False


class Objects(Protocol):
    """Of MailboxClient."""

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of a kind."""
        ...

    async def object(self, account: int, kind: str, name: str) -> bytes | None:
        """One of them."""
        ...

    async def put_objects(
        self, account: int, changes: Sequence[tuple[str, str, bytes | None]], *, since: int | None = None
    ) -> int:
        """Write, or remove."""
        ...


class Responder:
    """One a process."""

    def __init__(
        self, objects: Objects, outgoing: Outgoing, signer: Signer, clock: Clock, log: Log, *, host: str
    ) -> None:
        """`host`: our name in Message-IDs."""
        self._objects = objects
        self._outgoing = outgoing
        self._signer = signer
        self._clock = clock
        self._log = log
        self._host = host

    async def respond(self, account: int, wish: Wish, what: Delivered, *, days: int = DAYS) -> bool:
        """Answer a message; whether that was done. Raises Trouble: it may be tried again."""
        if why_not(what.head, what.sender, what.own):
            return False
        now_ms = self._clock.now_ms()
        name = _digest(wish.subject, wish.text, wish.html, what.sender.lower())[:_NAME_BYTES].hex()
        last_ms = _time(await self._objects.object(account, KIND, name))
        if last_ms and now_ms < last_ms + days * _DAY_MS:
            return False
        once = _digest("answer", f"{account}", name, f"{last_ms}")
        message = build(
            wish, what.head, what.sender, what.address, message_id=f"{once.hex()[:32]}@{self._host}", now_ms=now_ms
        )
        message = await self._signer.sign(message, what.address)
        head_ascii = message.partition(b"\r\n\r\n")[0].isascii()
        about = Envelope("", what.address, (), b"", 0, ident=what.ident, require_tls=what.require_tls)
        utf8 = not (head_ascii and what.sender.isascii())
        await self._outgoing.send(
            what.sender, message, name=once, smtputf8=utf8, eight_bit=not message.isascii(), about=about
        )
        await self._remember(account, name, now_ms, days)
        self._log.info("vacation.answered", about=what.ident, account=account, to=what.sender)
        return True

    async def _remember(self, account: int, name: str, now_ms: int, days: int) -> None:
        known = sorted((_time(value), other) for other, value in await self._objects.objects(account, KIND))
        over = len(known) + 1 - ANSWERED_MAX
        gone = [
            other
            for place, (at_ms, other) in enumerate(known)
            if other != name and (place < over or at_ms + days * _DAY_MS < now_ms)
        ]
        changes: list[tuple[str, str, bytes | None]] = [(KIND, other, None) for other in gone[:_SWEPT_MAX]]
        try:
            await self._objects.put_objects(account, [*changes, (KIND, name, msgspec.msgpack.encode(now_ms))])
        except Trouble as trouble:  # it would be sent under the same name again, and be kept once
            self._log.warning("vacation.not_remembered", account=account, why=trouble.log)


def _time(stored: bytes | None) -> int:
    """0: never, or nobody can say."""
    try:
        return 0 if stored is None else msgspec.msgpack.decode(stored, type=int)
    except msgspec.MsgspecError:
        return 0


def _digest(*texts: str | None) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(texts)).digest()
