"""What follows once it is known what becomes of a message: notices of success, counts for reports, report mail.

The law: nothing here changes what the client hears. What fails here is told to the log, and mail has been taken all the
same.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from actors.queue.types import Envelope, Recipient
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.outbound.notices import Notices
from gateway.smtp.parts import Log
from gateway.trust.verdict import Verdict
from mail.dsn.report import Told
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import Reply


class Answered(NamedTuple):
    """A message and its answer. `here`: the recipients that have an account of ours; `message`: as it was stored, with
    its trace, or as it came where it was refused; `applied`: none, quarantine or reject, of what DMARC asks for,
    `overridden`: why it is less. `junk`: it was put there."""

    ident: str
    ip: str
    mail: MailFrom
    rcpts: tuple[RcptTo, ...]
    here: tuple[RcptTo, ...]
    message: bytes
    reply: Reply
    verdict: Verdict | None
    applied: str
    overridden: str
    junk: bool = False


class After(Protocol):
    """Hears of messages."""

    async def answered(self, what: Answered) -> None:
        """Raises nothing."""
        ...


class Several:
    """Tells several, in their order."""

    def __init__(self, hearing: Sequence[After]) -> None:
        self._hearing = hearing

    async def answered(self, what: Answered) -> None:
        """Raises nothing."""
        for one in self._hearing:
            await one.answered(what)


class Successes:
    """Tells senders who asked for it that their mail is here (RFC 3461 5.2.3). Mail that is sent on is told of by the
    queue, or by whoever gets it."""

    def __init__(self, notices: Notices, clock: Clock, log: Log) -> None:
        self._notices = notices
        self._clock = clock
        self._log = log

    async def answered(self, what: Answered) -> None:
        """Raises nothing."""
        wanted = [rcpt for rcpt in what.here if "SUCCESS" in rcpt.notify]
        if not wanted or what.reply.code >= 300 or not what.mail.sender:
            return
        now_ms = self._clock.now_ms()
        mail = Envelope(
            domain="",
            sender=what.mail.sender,
            recipients=tuple(Recipient(rcpt.recipient, rcpt.notify, rcpt.orcpt) for rcpt in wanted),
            digest=b"",
            size=len(what.message),
            queued_ms=now_ms,
            ident=what.ident,
            envid=what.mail.envid,
            require_tls=what.mail.require_tls,
            ret="FULL" if what.mail.ret == "FULL" else "HDRS",
        )
        told = tuple(Told(rcpt.recipient, "delivered", "2.1.5", rcpt.orcpt, at_ms=now_ms) for rcpt in wanted)
        name = hashlib.sha256(f"success\0{what.ident}".encode()).digest()
        try:
            await self._notices.send(mail, name, told, what.message)
        except Trouble as trouble:
            self._log.warning("smtp.notice_lost", id=what.ident, why=trouble.log)
