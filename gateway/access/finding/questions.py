"""What needs more of a message than its mailbox's columns: of which text, date or part it asks what.

The law: what `test` says of a message is the truth; the index and the briefs only say it sooner. A test that needs the
whole message says None without it.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from actors.search.brief import UNKNOWN, Columns
from actors.search.fuzzy import has_words
from gateway.access.parts import Array
from mail.jmap.email.bodies import has_attachment
from mail.message import content
from mail.message.charset import fold
from mail.message.header import unfold, values
from mail.message.record import Record
from mail.message.words import decode_words

DAY_S: Final = 86_400
EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()

Field = Literal["text", "body", "header", "from", "to", "cc", "bcc", "subject"]


class Candidate:
    """One message under examination; its texts are made when asked for, and once."""

    __slots__ = ("_body", "_fields", "_flowing", "_text", "raw", "record")

    def __init__(self, record: Record, raw: bytes | None = None) -> None:
        self.record = record
        self.raw = raw  # None in the stage that has records only
        self._text: str | None = None
        self._body: str | None = None
        self._fields: dict[str, list[str]] = {}
        self._flowing: dict[str, str] = {}

    @property
    def text(self) -> str:
        """What TEXT looks in; only with `raw`."""
        assert self.raw is not None
        if self._text is None:
            self._text = content.search_text(self.raw, self.record)
        return self._text

    @property
    def body(self) -> str:
        """What BODY looks in; only with `raw`."""
        assert self.raw is not None
        if self._body is None:
            self._body = content.body_text(self.raw, self.record)
        return self._body

    def flowing(self, field: Field) -> str:
        """What TEXT or BODY looks in, on one line; only with `raw`."""
        found = self._flowing.get(field)
        if found is None:
            found = self._flowing[field] = " ".join((self.text if field == "text" else self.body).split())
        return found

    def values(self, field: Field) -> list[str]:
        """What FROM, TO, CC, BCC and SUBJECT look in."""
        found = self._fields.get(field)
        if found is None:
            found = self._fields[field] = list(map(fold, content.field_texts(self.record, field)))
        return found


class Question:
    """What a key asks. `key` is the one that was asked, so that its score can be found again."""

    __slots__ = ("key",)

    def __init__(self, wanted: object) -> None:
        self.key = wanted

    def test(self, candidate: Candidate) -> bool | None:
        """The answer of a message."""
        raise NotImplementedError


class TextQuestion(Question):
    """Whether a text is in a field. The index knows it by `field` and `needle`; `fuzzy`: and in other forms. `flows`:
    its spaces are any white space of a body, for the words of a phrase may be on two lines."""

    __slots__ = ("_flows", "_folded", "_name", "field", "fuzzy", "needle")

    def __init__(
        self, wanted: object, field: Field, needle: str, *, name: str = "", fuzzy: bool, flows: bool = False
    ) -> None:
        super().__init__(wanted)
        self.field = field
        self.needle = needle
        # An index does not know which field a word of a header is in, and signs have no other forms.
        self.fuzzy = fuzzy and field != "header" and has_words(needle)
        self._folded = fold(needle)
        self._flows = " ".join(self._folded.split()) if flows and len(needle.split()) > 1 else None
        self._name = name.encode("ascii", "replace")

    @property
    def reads_text(self) -> bool:
        """Whether it looks through the whole message."""
        return self.field in ("text", "body")

    @property
    def is_told(self) -> bool:
        """Whether an index says more than that all of them may match."""
        return bool(self.needle) or self.field != "header"

    def test(self, candidate: Candidate) -> bool | None:
        needle = self._folded
        match self.field:
            case "text" | "body":
                if candidate.raw is None:
                    return None
                is_found = needle in (candidate.text if self.field == "text" else candidate.body)
                return is_found or (self._flows is not None and self._flows in candidate.flowing(self.field))
            case "header":
                return _header(candidate, self._name, needle)
        return any(needle in value for value in candidate.values(self.field))


class BriefQuestion(Question):
    """What a message's brief answers as well as its record."""

    __slots__ = ()

    def of_briefs(self, briefs: Columns) -> Array:
        """The answers of many."""
        raise NotImplementedError


class DateQuestion(BriefQuestion):
    """Whether the Date field's own calendar day, disregarding its time and zone, is one of some (RFC 3501 6.4.4)."""

    __slots__ = ("_of_days",)

    def __init__(self, wanted: object, of_days: Callable[[Array], Array]) -> None:
        super().__init__(wanted)
        self._of_days = of_days

    def test(self, candidate: Candidate) -> bool:
        record = candidate.record
        if record.sent_s is None:
            return False
        day = (record.sent_s + record.sent_zone_min * 60) // DAY_S + EPOCH_DAY
        return bool(self._of_days(np.array([day]))[0])

    def of_briefs(self, briefs: Columns) -> Array:
        days = (briefs.sent_s + briefs.zone_min.astype(np.int64) * 60) // DAY_S + EPOCH_DAY
        answers: Array = (briefs.sent_s != UNKNOWN) & self._of_days(days)
        return answers


class AttachmentQuestion(BriefQuestion):
    """Whether something is attached (RFC 8621 4.1.4, hasAttachment)."""

    __slots__ = ()

    def test(self, candidate: Candidate) -> bool:
        return has_attachment(candidate.record.root)

    def of_briefs(self, briefs: Columns) -> Array:
        return briefs.attached


def _header(candidate: Candidate, name: bytes, needle: str) -> bool | None:
    """A field with that name that has the text; an empty text asks for the field only."""
    head = candidate.record.head
    if head is None:
        if candidate.raw is None:
            return None
        head = candidate.raw[: candidate.record.root.body]
    return any(needle in fold(decode_words(unfold(value))) for value in values(head, name))
