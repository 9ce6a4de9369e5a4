"""Who is told of a message once it is known what becomes of it: notices to senders, counts for reports, report mail.

The law: nothing here changes what the client hears. What fails here is told to the log, and mail has been taken all the
same.
"""

from typing import NamedTuple, Protocol

from gateway.trust.verdict import Verdict
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import Reply


class Answered(NamedTuple):
    """A message and its answer. `here`: by recipient that was taken, whether it has an account of ours; `message`: as
    it was stored, with its trace, or as it came where it was refused; `applied`: none, quarantine or reject, of what
    DMARC asks for, `overridden`: why it is less."""

    ident: str
    ip: str
    mail: MailFrom
    rcpts: tuple[RcptTo, ...]
    here: tuple[bool, ...]
    message: bytes
    reply: Reply
    verdict: Verdict | None
    applied: str
    overridden: str


class After(Protocol):
    """Hears of messages."""

    async def answered(self, what: Answered) -> None:
        """Raises nothing."""
        ...
