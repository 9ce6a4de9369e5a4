"""Notices to senders: what the queue says is owed is written (mail/dsn), signed and handed over.

The law: the name of a notice comes from the entry, its kind and its recipients, so one that is made again is the same
and kept once. A notice goes from the null reverse-path, and never to it.
"""

import hashlib
from typing import Final, Protocol

import structlog

from actors.queue.types import Envelope, Fate, Kind, Owed, Shown
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.outbound.local import HERE
from gateway.outbound.outgoing import Outgoing
from gateway.outbound.parts import Log
from gateway.outbound.schedule import Schedule
from mail.dsn.build import build
from mail.dsn.report import Action, Report, Told

ACTIONS: Final[dict[Kind, Action]] = {
    "failure": "failed",
    "delay": "delayed",
    "success": "delivered",
    "relayed": "relayed",
}
GIVEN_UP_MS: Final = (
    10 * 86_400_000
)  # after the message came, or might go: whose own mailbox is full so long is told no more


class Signer(Protocol):
    """Who signs what we write ourselves."""

    async def sign(self, message: bytes, sender: str) -> bytes:
        """The message with DKIM signatures in front, for that From address. Raises Unavailable."""
        ...


class Unsigned:
    """Nobody."""

    async def sign(self, message: bytes, sender: str) -> bytes:  # noqa: ARG002 (Signer's signature)
        """As it is."""
        return message


class Notices:
    """Implements parts.Notifying."""

    def __init__(
        self,
        host: str,
        outgoing: Outgoing,
        schedule: Schedule,
        clock: Clock,
        *,
        signer: Signer | None = None,
        log: Log | None = None,
    ) -> None:
        """`host`: the name this server gives itself."""
        self._host = host
        self._outgoing = outgoing
        self._schedule = schedule
        self._clock = clock
        self._signer = signer or Unsigned()
        self._log: Log = log or structlog.get_logger()

    async def tell(self, shown: Shown, owed: Owed, body: bytes | None) -> None:
        """Of Notifying."""
        mail = shown.mail
        if not mail.sender:
            return
        name = name_of(shown.id, owed)
        told = tuple(self._told(shown, index, ACTIONS[owed.kind]) for index in owed.recipients)
        try:
            await self.send(mail, name, told, body)
        except Trouble as error:
            if error.retry and self._clock.now_ms() < (mail.ready_ms or mail.queued_ms) + GIVEN_UP_MS:
                raise
            self._log.warning("outbound.notice_lost", id=shown.id.hex(), kind=owed.kind, why=error.log)

    async def send(self, mail: Envelope, name: bytes, told: tuple[Told, ...], body: bytes | None) -> None:
        """Make a notice about a message, also one that is in no queue: delivered here, or to a list. `name`: 32 bytes,
        the same for the same notice. Durable on return. Raises Trouble."""
        identifier = name.hex()[:32]
        built = build(
            Report(
                host=self._host,
                sender=mail.sender,
                now_ms=self._clock.now_ms(),
                message_id=f"{identifier}@{self._host}",
                boundary=f"=_{identifier}",
                recipients=told,
                arrived_ms=mail.queued_ms,
                envid=mail.envid,
                original=body,
                original_id=mail.message_id,
                ret="HDRS" if mail.require_tls else mail.ret,  # RFC 8689 5
            )
        )
        message = await self._signer.sign(built.message, f"postmaster@{self._host}")
        await self._outgoing.send(
            mail.sender, message, name=name, smtputf8=built.smtputf8, eight_bit=built.eight_bit, about=mail
        )
        self._log.info("outbound.notice", about=mail.ident, to=mail.sender, kinds=sorted({one.action for one in told}))

    def _told(self, shown: Shown, index: int, action: Action) -> Told:
        recipient, fate = shown.mail.recipients[index], shown.fates[index] if shown.fates else Fate()
        told = Told(recipient.address, action, "", recipient.orcpt, at_ms=fate.at_ms)
        if (result := fate.result) is not None:
            told = told._replace(
                status=result.status,
                remote="" if result.host == HERE else result.host,
                ip=result.ip,
                code=result.code,
                said=result.said,
                cause=result.cause,
            )
        if action == "delayed":
            until_ms = self._schedule.until_ms(shown.mail, index, shown.tries, told.cause, shown.expires_ms)
            told = told._replace(until_ms=until_ms)
        return told


def name_of(entry: bytes, owed: Owed) -> bytes:
    """What a notice is called, 32 bytes."""
    recipients = b"".join(index.to_bytes(1, "big") for index in sorted(owed.recipients))
    return hashlib.sha256(b"notice\0" + entry + owed.kind.encode() + b"\0" + recipients).digest()
