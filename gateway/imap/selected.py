r"""The selected mailbox as one client knows it: which message has which sequence number, and what it has been told.

The law: what the client believes changes only by what it is told here. A message keeps its sequence number until an
EXPUNGE for it was sent, and none is sent while a command that speaks in sequence numbers is answered
(RFC 3501 7.4.1). `rows` are positions in the client's sequence (sequence number less one), as numpy arrays.
"""

from typing import Final

import numpy as np

from actors.mailbox.rights import READ
from actors.mailbox.types import SEEN, Ranges
from gateway.imap.flagnames import RECENT_BIT, FlagNames, flag_names
from gateway.imap.parts import Array, Hold, Place
from gateway.imap.troubles import Bad, Told
from mail.imap.seqset import SequenceSet

TOLD_MAX: Final = 5000  # messages whose flags are said at once, unasked: about 250 kB
_NONE: Final[Array] = np.empty(0, np.uint32)
_FEW: Final = 200  # messages that are looked for one by one: about 15 ms in the largest mailbox
_SCAN_ROWS: Final = 65_536  # \Seen is looked for in steps of this many messages, as the first unseen is often near


class Selection:
    """A hold on a mailbox with the client's picture of it."""

    __slots__ = ("_keywords", "_modseq", "_recent", "_untold", "hold", "place", "uids")

    def __init__(self, hold: Hold, place: Place) -> None:
        self.hold = hold
        self.place = place
        # Never changed in place (parts.Index), so the client's sequence costs nothing until the mailbox moves on.
        self.uids: Array = hold.view.index.uids
        self._modseq = hold.view.modseq
        self._keywords = hold.view.keywords  # those the client has been told of
        self._recent = self._count_recent()
        self._untold: Array = _NONE  # UIDs whose flags changed and did not fit into a sync

    @property
    def account(self) -> int:
        """Whose messages these are."""
        return self.place.account

    @property
    def readable(self) -> bool:
        """Whether the client may still read it: its owner can change his mind."""
        return self.place.who is None or READ in self.hold.rights

    @property
    def names(self) -> FlagNames:
        """How flags are called now."""
        return flag_names(self.hold.view.keywords)

    def greeting(self) -> bytes:
        """The untagged responses of SELECT and EXAMINE (RFC 3501 6.3.1)."""
        info, names = self.hold.info, self.names
        uidnext = max(info.uidnext, int(self.uids[-1]) + 1 if len(self.uids) else 1)
        unseen = self._first_unseen()
        permanent = b"()" if self.hold.read_only else names.permanent()
        return b"".join(
            (
                b"* FLAGS %b\r\n* %d EXISTS\r\n* %d RECENT\r\n" % (names.defined(), len(self.uids), self._recent),
                b"* OK [UNSEEN %d] First unseen\r\n" % unseen if unseen else b"",
                b"* OK [PERMANENTFLAGS %b] Flags that last\r\n" % permanent,
                b"* OK [UIDNEXT %d] Next UID\r\n* OK [UIDVALIDITY %d] UIDs valid\r\n" % (uidnext, info.uidvalidity),
            )
        )

    def resolve(self, messages: SequenceSet, *, uid: bool) -> Array:
        """The rows a set names, ascending, each once. Raises Bad for a sequence number that no message has."""
        if not uid and messages.beyond(len(self.uids)):
            raise Bad("There is no message with such a sequence number")  # RFC 3501 9, seq-number
        pieces = [np.arange(start, end) for start, end in self._spans(messages, uid=uid)]
        return np.concatenate(pieces) if pieces else np.empty(0, np.int64)

    def mask(self, messages: SequenceSet, *, uid: bool) -> Array:
        """Of every row, whether a set names it; for SEARCH, where a number that no message has finds nothing."""
        mask = np.zeros(len(self.uids), bool)
        for start, end in self._spans(messages, uid=uid):
            mask[start:end] = True
        return mask

    def _spans(self, messages: SequenceSet, *, uid: bool) -> list[tuple[int, int]]:
        """Runs of rows, ascending and apart; the end of each is not in it."""
        if not uid:
            return [(low - 1, high) for low, high in messages.resolve(len(self.uids))]
        resolved = messages.resolve(int(self.uids[-1]) if len(self.uids) else 0)
        # All at once: a search for a plain number converts all UIDs first, and a set may have thousands of ranges.
        bounds = np.array(resolved, np.uint32).reshape(-1, 2)
        starts = np.searchsorted(self.uids, bounds[:, 0], "left").tolist()
        ends = np.searchsorted(self.uids, bounds[:, 1], "right").tolist()
        return [span for span in zip(starts, ends, strict=True) if span[0] < span[1]]

    def locate(self, rows: Array) -> tuple[Array, Array]:
        """Those of the rows whose messages still exist, and where the view's index has them."""
        if not len(rows):
            return rows, rows
        current = self.hold.view.index.uids
        if int(np.searchsorted(current, self.uids[-1], "right")) == len(self.uids):
            return rows, rows  # UIDs are never used again: the same number of them up to the last is the same ones
        uids = self.uids[rows]
        places = np.searchsorted(current, uids)
        alive = places < len(current)
        alive[alive] = current[places[alive]] == uids[alive]
        return rows[alive], places[alive]

    def ranges(self, rows: Array) -> Ranges:
        """The rows' UIDs as ranges. Runs are merged across UIDs that this client knows do not exist."""
        if not len(rows):
            return ()
        breaks = np.flatnonzero(np.diff(rows) != 1)
        starts, ends = rows[np.concatenate(([0], breaks + 1))], rows[np.concatenate((breaks, [len(rows) - 1]))]
        return tuple(zip(self.uids[starts].tolist(), self.uids[ends].tolist(), strict=True))

    def flag_texts(self, uids: list[int], words: list[int]) -> list[bytes]:
        """The flag lists for messages with these UIDs and flags words."""
        names, recent = self.names, self.hold.recent
        if not recent:
            return [names[word] for word in words]
        return [names[word | RECENT_BIT if uid in recent else word] for uid, word in zip(uids, words, strict=True)]

    def sync(self, *, expunges: bool, told: Told | None = None, most: int = TOLD_MAX) -> bytes:
        """The untagged responses that bring the client up to date; empty when it is.

        At most `most` messages' flags at once: while there is `more`, the next call says more.
        """
        view = self.hold.view
        if view.modseq == self._modseq and not self.more and (not expunges or len(self.uids) == view.index.count):
            return b""
        told_flags = self.new_keywords() + self._flags(told, most)
        self._modseq = view.modseq
        sizes = (self._expunged() if expunges else b"") + self._arrived()
        return told_flags + sizes + (self._recents() if sizes else b"")

    @property
    def more(self) -> bool:
        """Whether the last sync left something to the next."""
        return len(self._untold) > 0

    def flags_of(self, rows: Array, *, with_uid: bool) -> tuple[bytes, Told]:
        """FETCH responses with the flags of those rows that still exist, as STORE answers."""
        rows, places = self.locate(rows)
        words = self.hold.view.index.flags[places]
        uids = self.uids[rows].tolist()
        texts = self.flag_texts(uids, words.tolist())
        seqs = (rows + 1).tolist()
        if with_uid:  # RFC 3501 6.4.8
            lines = [b"* %d FETCH (UID %d FLAGS %b)\r\n" % line for line in zip(seqs, uids, texts, strict=True)]
        else:
            lines = [b"* %d FETCH (FLAGS %b)\r\n" % line for line in zip(seqs, texts, strict=True)]
        return b"".join(lines), Told(rows, words)

    def unheard(self, places: Array) -> Array:
        """Which of these places in the index have changes that the client has not been told of."""
        unheard: Array = self.hold.view.index.modseqs[places] > self._modseq
        return unheard

    def new_keywords(self) -> bytes:
        """New keywords are made known before a FETCH shows them."""
        keywords = self.hold.view.keywords
        if keywords == self._keywords:
            return b""
        self._keywords = keywords
        names = self.names
        permanent = b"()" if self.hold.read_only else names.permanent()
        return b"* FLAGS %b\r\n* OK [PERMANENTFLAGS %b] Flags that last\r\n" % (names.defined(), permanent)

    def _flags(self, told: Told | None, most: int) -> bytes:
        """Flags that changed since the last sync, save what the client knows already."""
        if not len(self.uids):
            return b""
        index = self.hold.view.index
        changed = np.flatnonzero(index.modseqs > self._modseq)
        uids = index.uids[changed]
        known = uids <= self.uids[-1]  # the others are new: EXISTS tells of them
        uids, changed = uids[known], changed[known]
        if told is not None and len(told.rows):
            rows = np.searchsorted(self.uids, uids)
            at = np.minimum(np.searchsorted(told.rows, rows), len(told.rows) - 1)
            uids = uids[(told.rows[at] != rows) | (told.words[at] != index.flags[changed])]
        if self.more:
            uids = np.union1d(self._untold, uids)
        self._untold = uids[most:] if len(uids) > most else _NONE  # an empty slice would hold all of them
        rows = np.searchsorted(self.uids, uids[:most])
        rows = rows[self.uids[np.minimum(rows, len(self.uids) - 1)] == uids[:most]]  # some may be expunged since
        return self.flags_of(rows, with_uid=False)[0]

    def _expunged(self) -> bytes:
        """EXPUNGE for what is gone, from the end, so that each number is right when it is read."""
        current = self.hold.view.index.uids
        left = int(np.searchsorted(current, self.uids[-1], "right")) if len(self.uids) else 0
        gone = _missing(self.uids, current[:left])
        self.uids = current[:left]
        return b"".join([b"* %d EXPUNGE\r\n" % (row + 1) for row in reversed(gone)])

    def _arrived(self) -> bytes:
        """EXISTS for new messages."""
        current = self.hold.view.index.uids
        first = int(np.searchsorted(current, self.uids[-1], "right")) if len(self.uids) else 0
        if first == len(current):
            return b""
        self.uids = current if first == len(self.uids) else np.concatenate((self.uids, current[first:]))
        return b"* %d EXISTS\r\n" % len(self.uids)

    def _recents(self) -> bytes:
        before, self._recent = self._recent, self._count_recent()
        return b"* %d RECENT\r\n" % self._recent if self._recent != before else b""

    def _count_recent(self) -> int:
        return sum(end - start for start, end in self.hold.recent.rows_in(self.uids))

    def _first_unseen(self) -> int:
        """The sequence number of the first message without \\Seen; 0 when there is none."""
        flags = self.hold.view.index.flags
        for start in range(0, len(flags), _SCAN_ROWS):
            unseen = (flags[start : start + _SCAN_ROWS] & SEEN) == 0
            if unseen.any():
                return start + int(unseen.argmax()) + 1
        return 0


def _missing(known: Array, left: Array, few: int = _FEW) -> list[int]:
    """The rows of `known` that `left` lacks; both ascend, and `left` has nothing else.

    Few are found by halving: as long as `left[place] == known[place + found]`, none is missing before that place.
    Comparing all of a million rows would take 60 ms, and a mailbox mostly loses a message at a time.
    """
    count = len(known) - len(left)
    if count > few:
        rows: list[int] = np.flatnonzero(~np.isin(known, left, assume_unique=True)).tolist()
        return rows
    gone: list[int] = []
    start = 0
    for found in range(count):
        low, high = start, len(left)
        while low < high:
            middle = (low + high) // 2
            if known[middle + found] == left[middle]:
                low = middle + 1
            else:
                high = middle
        gone.append(low + found)
        start = low
    return gone
