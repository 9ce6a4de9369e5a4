"""What reports hear of messages, once it is known what became of them: they are counted, told of where they failed, and
read where they bring reports.

The law: a message that was put off is not counted, since it comes again. Of what we wrote in front of a message nothing
goes to others that names its recipient.
"""

from gateway.reports.counting import Noted
from gateway.reports.failing import Failures
from gateway.reports.receiving import Receiving
from gateway.smtp.aftermath import Answered
from mail.message.header import fields, header_end
from mail.message.limits import DEFAULT as LIMITS
from mail.trust.names import domain_of


class Hearing:
    """Implements gateway.smtp.aftermath.After."""

    def __init__(self, noted: Noted, failures: Failures, receiving: Receiving) -> None:
        self._noted = noted
        self._failures = failures
        self._receiving = receiving

    async def answered(self, what: Answered) -> None:
        """Raises nothing."""
        if 400 <= what.reply.code < 500:
            return
        recipients = tuple(rcpt.recipient for rcpt in what.rcpts)
        brings_report = all(map(self._receiving.is_for, recipients))
        if what.verdict is not None:
            self._noted.dmarc(
                what.verdict,
                what.applied,
                reasons=(what.overridden,) if what.overridden else (),
                recipient_domain=domain_of(recipients[0]) if recipients else "",
                brings_report=brings_report,
            )
            self._failures.tell(what.verdict, what.applied, _head(what), what.ident, recipients)
        if what.reply.code < 300:
            await self._receiving.look(recipients, what.message, what.ident)


def _head(what: Answered) -> bytes:
    """The header as it came: our own Received, the first of what was stored, may name the recipient."""
    message = what.message
    head = message[: header_end(message, 0, min(len(message), LIMITS.header_bytes_max))]
    if what.reply.code >= 300:
        return head
    ours = next((field for field in fields(head) if field.name.lower() == b"received"), None)
    return head[: ours.start] + head[ours.end :] if ours is not None else head
