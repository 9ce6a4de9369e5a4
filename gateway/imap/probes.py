"""Search keys that need more of a message than its mailbox's columns: which question each of them asks.

The law: a key without a question here is answered by the columns (masks.py).
"""

from typing import Final

from gateway.access.finding.questions import DateQuestion, Field, Question, TextQuestion
from mail.imap import search as key


def question_of(wanted: key.SearchKey, *, fuzzy: bool) -> Question | None:
    """What a key asks of a message; None for those that the columns answer."""
    match wanted:
        case key.SentBefore(date):
            return DateQuestion(wanted, lambda days: days < date.toordinal())
        case key.SentOn(date):
            return DateQuestion(wanted, lambda days: days == date.toordinal())
        case key.SentSince(date):
            return DateQuestion(wanted, lambda days: days >= date.toordinal())
        case key.Header(name, value):
            return TextQuestion(wanted, "header", value, name=name, fuzzy=fuzzy)
    field = _FIELDS.get(type(wanted))
    return None if field is None else TextQuestion(wanted, field, getattr(wanted, "value"), fuzzy=fuzzy)  # noqa: B009


_FIELDS: Final[dict[type[key.SearchKey], Field]] = {
    key.Text: "text",
    key.Body: "body",
    key.From: "from",
    key.To: "to",
    key.Cc: "cc",
    key.Bcc: "bcc",
    key.Subject: "subject",
}
