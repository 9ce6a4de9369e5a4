"""What all milters together say of a step: how to go on, and what the client hears."""

from dataclasses import dataclass
from typing import Final, Literal

from mail.milter.apply import Envelope
from mail.milter.responses import Decision, How
from mail.smtp.replies import Reply

Word = Literal["continue", "reject", "tempfail", "reply", "shutdown", "discard", "quarantine"]

REJECTED: Final = Reply(550, "5.7.1", "Refused by a filter")
LATER: Final = Reply(451, "4.7.1", "A filter asks you to try again later")
CLOSING: Final = Reply(421, "4.7.0", "A filter asks us to close the connection")
DOWN: Final = Reply(451, "4.3.0", "A filter does not answer; try again later")
DOWN_FOR_GOOD: Final = Reply(550, "5.3.0", "A filter does not answer, and mail is not taken without it")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`how`: continue: go on (also where milters accept). reject, tempfail, reply, shutdown: answer `reply` and do
    not; a reply of 421 closes the connection. discard: answer as if it were taken, and forget the message.
    quarantine: go on, but hold the message back.

    `envelope` and `message`: of a message, as they are now; the same objects where nothing was changed.
    """

    how: Word = "continue"
    reply: Reply | None = None
    by: str = ""
    """The milter's name."""
    reason: str = ""
    """Of a quarantine."""
    envelope: Envelope | None = None
    message: bytes | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the client's command is to be carried out."""
        return self.reply is None

    def as_greeting(self) -> Reply | None:
        """The reply where it stands for a greeting, which is 554 or 421 where it is not 220 (RFC 5321 3.1, 4.2.2)."""
        if self.reply is None:
            return None
        if self.reply.code >= 500:
            return Reply(554, self.reply.status, self.reply.text)
        return Reply(421, self.reply.status, self.reply.text)


CONTINUE: Final = Verdict()


def refusal(decision: Decision, by: str) -> Verdict | None:
    """The verdict of a decision that refuses; None of one that does not."""
    match decision.how:
        case How.REJECT:
            return Verdict("reject", REJECTED, by)
        case How.TEMPFAIL:
            return Verdict("tempfail", LATER, by)
        case How.SHUTDOWN:
            return Verdict("shutdown", CLOSING, by)
        case How.REPLY:
            return Verdict("reply", decision.reply, by)
        case _:
            return None
