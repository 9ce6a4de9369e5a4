"""What the server has promised, written down by its clients, and what may therefore be found after a kill.

The law: nothing is taken from the server's word but acknowledgements; what was not acknowledged may have happened or
not, and once seen it must stay as it was seen.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

Flags = frozenset[str]
Place = tuple[str, str]  # login, mailbox

HISTORY_MAX: Final = 1_000_000  # acknowledgements of one round with their times


class Broken(AssertionError):
    """A promise that was not kept: which, and by which message."""


class Later(ConnectionError):
    """The server says that it cannot just now: what was asked may have been done or not, and the client goes."""


class Lost(Broken):
    """What was acknowledged is not there."""


class Doubled(Broken):
    """What was sent once is there twice."""


class Found(NamedTuple):
    """A row of a mailbox as IMAP shows it."""

    uid: int
    size: int
    flags: Flags


class Said(NamedTuple):
    """An acknowledgement: `at` on time.monotonic."""

    at: float
    login: str
    command: str


@dataclass(slots=True)
class Sent:
    """One message on its way to one mailbox."""

    token: str
    place: Place
    traced: bool
    flags: Flags = frozenset()
    own: bool = False  # whoever sent it asks again himself
    acknowledged: bool = False
    promised_uid: int = 0  # APPENDUID's or COPYUID's
    uid: int = 0  # where it was found
    refused: bool = False  # the client was told to come later
    given_up: bool = False  # unacknowledged and not found after the restart: must never appear
    moved_from: "tuple[Box, int] | None" = None  # by MOVE or REPLACE: that is there or this is here, never both or none
    together: "list[Sent] | None" = None  # of one APPEND: all of them or none


@dataclass(slots=True)
class Known:
    """A message that was found. Its flags are one of `may_be`; it may be gone if an EXPUNGE was not answered."""

    sent: Sent
    size: int
    may_be: set[Flags]
    may_be_gone: bool = False


@dataclass(slots=True)
class Box:
    """One mailbox over all rounds."""

    place: Place
    uidvalidity: int = 0
    uidnext: int = 1
    known: dict[int, Known] = field(default_factory=dict)

    def opened(self, uidvalidity: int, uidnext: int) -> None:
        """Its UIDVALIDITY is for ever, and its UIDNEXT never goes back (RFC 3501 2.3.1.1)."""
        if self.uidvalidity not in (0, uidvalidity):
            raise Broken(f"{self.place}: UIDVALIDITY was {self.uidvalidity} and is {uidvalidity}")
        if uidnext < self.uidnext:
            raise Broken(f"{self.place}: UIDNEXT went back from {self.uidnext} to {uidnext}")
        self.uidvalidity = uidvalidity

    def listed(self, rows: Iterable[Found]) -> list[Found]:
        """Compare what is there with what must be; the rows that are new."""
        found = {row.uid: row for row in rows}
        for uid, known in list(self.known.items()):
            row = found.pop(uid, None)
            if row is not None:
                self._still_the_same(known, row)
            elif known.may_be_gone:
                del self.known[uid]
            else:
                raise Lost(f"{self.place}: UID {uid} ({known.sent.token}) is gone and nobody expunged it")
        if wrong := [uid for uid in found if uid < self.uidnext]:
            raise Broken(f"{self.place}: UIDs {wrong[:9]} below UIDNEXT {self.uidnext} were not there before")
        return [found[uid] for uid in sorted(found)]

    def _still_the_same(self, known: Known, row: Found) -> None:
        if row.size != known.size:
            raise Broken(f"{self.place}: UID {row.uid} had {known.size} bytes and has {row.size}")
        if row.flags not in known.may_be:
            raise Broken(f"{self.place}: UID {row.uid} has flags {set(row.flags)}, expected {known.may_be}")
        known.may_be = {row.flags}
        known.may_be_gone = False

    def expunged(self, uids: Iterable[int]) -> None:
        """An EXPUNGE was acknowledged: these must never be seen again."""
        for uid in uids:
            self.known.pop(uid, None)


@dataclass(slots=True)
class Ledger:
    """All mailboxes, and all that was sent and not found yet."""

    boxes: dict[Place, Box] = field(default_factory=dict)
    waiting: dict[tuple[str, Place], Sent] = field(default_factory=dict)  # by token and place
    settled: dict[tuple[str, Place], Sent] = field(default_factory=dict)
    acknowledged: Counter[str] = field(default_factory=Counter)  # by command
    failed: Counter[str] = field(default_factory=Counter)  # told to come later, by command
    kept: int = 0  # messages that are there although the client was told to come later: a relay would double them
    history: deque[Said] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))

    def box(self, place: Place) -> Box:
        """The mailbox of that place."""
        return self.boxes.setdefault(place, Box(place))

    def sending(self, token: str, place: Place, *, traced: bool, flags: Flags = frozenset(), own: bool = False) -> Sent:
        """Note a message before its first byte leaves. One that is sent again is the same message."""
        key = (token, place)
        sent = self.settled.get(key) or self.waiting.setdefault(key, Sent(token, place, traced, flags, own))
        sent.given_up = False
        return sent

    def may_copy(self, known: Known, place: Place) -> bool:
        """Whether a message may be copied or moved there: its flags are sure, and it was never brought there."""
        key = (known.sent.token, place)
        waiting = self.waiting.get(key)
        return len(known.may_be) == 1 and key not in self.settled and (waiting is None or waiting.given_up)

    def copying(self, box: Box, uid: int, place: Place, *, move: bool) -> Sent:
        """Note a COPY or MOVE before its first byte leaves."""
        known = box.known[uid]
        (flags,) = known.may_be
        sent = Sent(known.sent.token, place, known.sent.traced, flags, moved_from=(box, uid) if move else None)
        self.waiting[known.sent.token, place] = sent
        known.may_be_gone = known.may_be_gone or move
        return sent

    def appending(self, tokens: Sequence[str], place: Place, flags: Flags) -> list[Sent]:
        """Note the messages of one APPEND (RFC 3502) before its first byte leaves."""
        sent = [self.sending(token, place, traced=False, flags=flags) for token in tokens]
        for one in sent:
            one.together = sent
        return sent

    def replacing(self, token: str, box: Box, uid: int, flags: Flags) -> Sent:
        """Note a REPLACE within a mailbox (RFC 8508) before its first byte leaves."""
        sent = self.sending(token, box.place, traced=False, flags=flags)
        sent.moved_from = (box, uid)
        box.known[uid].may_be_gone = True
        return sent

    @contextmanager
    def trying(self, command: str, sent: Sequence[Sent] = ()) -> Iterator[None]:
        """Count the command as failed when the client was told to come later."""
        try:
            yield
        except Later:
            self.failed[command] += 1
            for one in sent:
                one.refused = not one.acknowledged
            raise

    def acknowledge(self, sent: Sent, command: str, uid: int = 0) -> None:
        """The server has said yes to a message."""
        self.said(command, sent.place[0])
        sent.acknowledged = True
        sent.promised_uid = uid

    def said(self, command: str, login: str) -> None:
        """The server has said yes."""
        self.acknowledged[command] += 1
        self.history.append(Said(time.monotonic(), login, command))

    def found(self, row: Found, token: str, place: Place) -> Sent:
        """A new message is in a mailbox: it must be one that was sent there and that is there only once."""
        key = (token, place)
        sent = self.waiting.get(key)
        if sent is None:
            raise self._why_not(row, key)
        if sent.given_up:
            raise Broken(f"{place}: UID {row.uid}: {sent} came late")
        if sent.promised_uid not in (0, row.uid):
            raise Broken(f"{place}: {token} was promised UID {sent.promised_uid} and has {row.uid}")
        if row.flags != sent.flags:
            raise Broken(f"{place}: {token} came with flags {set(sent.flags)} and has {set(row.flags)}")
        sent.uid = row.uid
        self.kept += sent.refused and not sent.acknowledged
        self.settled[key] = self.waiting.pop(key)
        self.box(place).known[row.uid] = Known(sent, row.size, {row.flags})
        if sent.moved_from is not None and sent.moved_from[1] in sent.moved_from[0].known:
            raise Doubled(f"{place}: UID {row.uid} was moved from {sent.moved_from[0].place} and is still there")
        return sent

    def round_is_over(self) -> list[Sent]:
        """Everything was listed: what was acknowledged must have been found. What was neither, to send again."""
        missing = [sent for sent in self.waiting.values() if sent.acknowledged]
        if missing:
            raise Lost(f"{len(missing)} acknowledged messages are lost, the first: {missing[0]}")
        for sent in self.waiting.values():
            if not sent.given_up and sent.moved_from is not None and sent.moved_from[1] not in sent.moved_from[0].known:
                raise Lost(f"{sent.place}: {sent.token} was moved from {sent.moved_from[0].place} and is nowhere")
            if sent.together is not None and any(one.uid for one in sent.together):
                raise Lost(f"{sent.place}: {sent.token} is not there, but others of the same APPEND are")
            sent.given_up = True
        return list(self.waiting.values())

    def to_send_again(self) -> list[Sent]:
        """What a relay that was not answered would send again."""
        relayed = (sent for sent in self.waiting.values() if sent.traced and not sent.own)
        return [sent for sent in relayed if sent.place[1] == "INBOX"]

    def _why_not(self, row: Found, key: tuple[str, Place]) -> Broken:
        token, place = key
        what = f"{place}: UID {row.uid} holds {token or 'no token'}"
        if settled := self.settled.get(key):
            return Doubled(f"{what} which is also UID {settled.uid} of {settled.place}")
        return Broken(f"{what} which nobody sent")
