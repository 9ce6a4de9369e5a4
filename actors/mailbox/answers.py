"""What the last commands that carried a key were answered, so that one asked twice is carried out once.

The law: it is a fold of the log, like all of an account's state, so it outlives a crash and a move. It is bounded:
the oldest are forgotten first. While somebody may still ask again (KEPT_MS) they stay, up to YOUNG times as many.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from actors.mailbox import events as ev
from actors.mailbox.types import Added, Changed, Done, Edited, Placed, Ranges

IDEMS_MAX: Final = 256  # remembered answers of an account: many times what can be in flight for it at once
RANGES_MAX: Final = 10_000  # of UIDs in the answers to other commands than Add, about 100 bytes each; one may have more
KEPT_MS: Final = 75_000  # an SMTP session asks three times with one key, for 20 s each, and pauses between
YOUNG: Final = 16  # times as many while the oldest is younger: of 50 commands a second, all


class Remembered(Struct, frozen=True, array_like=True):
    """The answer to a command other than Add: as stored, and with what its events told. New fields go to the end."""

    modseq: int
    mailbox: int  # that UIDs were added to, or that was made
    uids: Ranges  # that were added or changed
    answer: ev.Answer

    @property
    def weight(self) -> int:
        """Ranges in it."""
        answer = self.answer
        if isinstance(answer, ev.CopyAnswer):
            return len(self.uids) + len(answer.source)
        if isinstance(answer, ev.PlaceAnswer):
            return len(answer.emails)
        return len(self.uids) + (len(answer.failed) if isinstance(answer, ev.ChangeAnswer | ev.EditAnswer) else 0)

    @property
    def reply(self) -> Added | Changed | Done | Placed | Edited:
        """As it was said; only why an email was not edited is not known any more."""
        answer = self.answer
        if isinstance(answer, ev.PlaceAnswer):
            return Placed(self.modseq, answer.emails)
        if isinstance(answer, ev.EditAnswer):
            failed = [email for low, high in answer.failed for email in range(low, high + 1)]
            return Edited(self.modseq, tuple((email, "missing") for email in failed))
        if isinstance(answer, ev.CopyAnswer):
            return Added(self.mailbox, answer.uidvalidity, self.uids, self.modseq, answer.source)
        if isinstance(answer, ev.ChangeAnswer):
            return Changed(self.modseq, self.uids, answer.failed)
        return Done(self.modseq, self.mailbox)


class Answers:
    """An account's. Those to Add are kept apart, as they were before there were others."""

    __slots__ = ("_times", "_weight", "added", "others")

    def __init__(
        self,
        added: OrderedDict[bytes, Added] | None = None,
        others: OrderedDict[bytes, Remembered] | None = None,
        times: Sequence[int] = (),
    ) -> None:
        """`times`: as `times` was; what has none is old."""
        self.added: OrderedDict[bytes, Added] = OrderedDict() if added is None else added
        self.others: OrderedDict[bytes, Remembered] = OrderedDict() if others is None else others
        self._weight = sum(one.weight for one in self.others.values())
        self._times: dict[bytes, int] = dict(zip((*self.added, *self.others), times, strict=False))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answers) and (self.added, self.others, self.times) == (
            other.added,
            other.others,
            other.times,
        )

    __hash__ = None  # type: ignore[assignment] # it changes

    def get(self, idem: bytes) -> Added | Remembered | None:
        """The answer to the command of that key."""
        return self.added.get(idem) or self.others.get(idem)

    @property
    def times(self) -> list[int]:
        """When each was given, in the order of `added` and then of `others`."""
        return [self._times.get(idem, 0) for idem in (*self.added, *self.others)]

    def note_added(self, idem: bytes, answer: Added, time_ms: int) -> None:
        """Remember what came of an entry of an Add; one of many messages has several."""
        earlier = self.added.get(idem)
        if earlier is not None:
            answer = Added(answer.mailbox, answer.uidvalidity, _joined(earlier.uids, answer.uids), answer.modseq)
        self.added[idem] = answer
        self._times[idem] = time_ms
        while len(self.added) > self._many(IDEMS_MAX, self.added, time_ms):
            gone, _ = self.added.popitem(last=False)
            self._times.pop(gone, None)

    def note(self, modseq: int, entry: ev.Entry) -> None:
        """Remember what came of an entry that has an answer; a command may have several."""
        assert entry.answer is not None
        mailbox, uids, answer = _mailbox_of(entry), _uids_of(entry), entry.answer
        earlier = self.others.get(entry.idem)
        if earlier is not None:
            self._weight -= earlier.weight
            mailbox, uids = mailbox or earlier.mailbox, _joined(earlier.uids, uids)
            answer = _merged(earlier.answer, answer)
        self.others[entry.idem] = made = Remembered(modseq, mailbox, uids, answer)
        self._weight += made.weight
        self._times[entry.idem] = entry.time_ms
        while len(self.others) > 1 and (
            len(self.others) > self._many(IDEMS_MAX, self.others, entry.time_ms)
            or self._weight > self._many(RANGES_MAX, self.others, entry.time_ms)
        ):
            gone, forgotten = self.others.popitem(last=False)
            self._times.pop(gone, None)
            self._weight -= forgotten.weight

    def _many(self, bound: int, kept: Iterable[bytes], now_ms: int) -> int:
        """How many may be kept: more while the oldest is young."""
        return bound if self._times.get(next(iter(kept)), 0) + KEPT_MS <= now_ms else YOUNG * bound


def _mailbox_of(entry: ev.Entry) -> int:
    kinds = ev.MessagesAdded | ev.MailboxCreated
    return next((event.mailbox for event in entry.events if isinstance(event, kinds)), 0)


def _uids_of(entry: ev.Entry) -> Ranges:
    if isinstance(entry.answer, ev.CopyAnswer):
        added = (event.rows for event in entry.events if isinstance(event, ev.MessagesAdded))
        return tuple((rows[0].uid, rows[-1].uid) for rows in added)
    if isinstance(entry.answer, ev.ChangeAnswer):
        changes = (event.uids for event in entry.events if isinstance(event, ev.FlagsChanged | ev.MessagesExpunged))
        return tuple(span for uids in changes for span in uids)
    return ()


def _merged(earlier: ev.Answer, later: ev.Answer) -> ev.Answer:
    if isinstance(earlier, ev.CopyAnswer) and isinstance(later, ev.CopyAnswer):
        return ev.CopyAnswer(earlier.uidvalidity, _joined(earlier.source, later.source))
    if isinstance(earlier, ev.ChangeAnswer) and isinstance(later, ev.ChangeAnswer):
        return ev.ChangeAnswer(_joined(earlier.failed, later.failed))
    if isinstance(earlier, ev.PlaceAnswer) and isinstance(later, ev.PlaceAnswer):
        return ev.PlaceAnswer(earlier.emails + later.emails)
    return later


def _joined(first: Ranges, second: Ranges) -> Ranges:
    """One after the other, as one range where they touch."""
    if first and second and first[-1][1] + 1 == second[0][0]:
        return (*first[:-1], (first[-1][0], second[0][1]), *second[1:])
    return first + second
