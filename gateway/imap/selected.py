r"""The selected mailbox as one client knows it: which message has which sequence number, and what it has been told.

The law: what the client believes changes only by what it is told here. A message keeps its sequence number until an
EXPUNGE for it was sent, and none is sent while a command that speaks in sequence numbers is answered
(RFC 3501 7.4.1). `rows` are positions in the client's sequence (sequence number less one), as numpy arrays.
"""

from typing import Final

import numpy as np

from actors.mailbox.types import SEEN, Ranges
from gateway.imap.flagnames import RECENT_BIT, FlagNames, flag_names
from gateway.imap.parts import Array, Hold
from gateway.imap.troubles import Bad, Told
from mail.imap.seqset import SequenceSet

_SCAN_ROWS: Final = 65_536  # \Seen is looked for in steps of this many messages, as the first unseen is often near


class Selection:
    """A hold on a mailbox with the client's picture of it."""

    __slots__ = ("_keywords", "_modseq", "_recent", "hold", "uids")

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        # Never changed in place (parts.Index), so the client's sequence costs nothing until the mailbox moves on.
        self.uids: Array = hold.view.index.uids
        self._modseq = hold.view.modseq
        self._keywords = hold.view.keywords  # those the client has been told of
        self._recent = self._count_recent()

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
        if uid:
            spans = [
                (int(np.searchsorted(self.uids, low, "left")), int(np.searchsorted(self.uids, high, "right")))
                for low, high in messages.resolve(int(self.uids[-1]) if len(self.uids) else 0)
            ]
            return _rows(spans)
        if messages.beyond(len(self.uids)):
            raise Bad("There is no message with such a sequence number")  # RFC 3501 9, seq-number
        return self.resolve_lenient(messages)

    def resolve_lenient(self, messages: SequenceSet) -> Array:
        """As `resolve` by sequence number, passing over numbers no message has: SEARCH finds nothing there."""
        return _rows([(low - 1, high) for low, high in messages.resolve(len(self.uids))])

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

    def sync(self, *, expunges: bool, told: Told | None = None) -> bytes:
        """The untagged responses that bring the client up to date; empty when it is."""
        view = self.hold.view
        if view.modseq == self._modseq and (not expunges or len(self.uids) == view.index.count):
            return b""
        told_flags = self.new_keywords() + self._flags(told)
        self._modseq = view.modseq
        sizes = (self._expunged() if expunges else b"") + self._arrived()
        return told_flags + sizes + (self._recents() if sizes else b"")

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

    def _flags(self, told: Told | None) -> bytes:
        """Flags that changed since the last sync, save what the client knows already."""
        index = self.hold.view.index
        changed = np.flatnonzero(index.modseqs > self._modseq)
        if not len(changed):
            return b""
        uids = index.uids[changed]
        rows = np.searchsorted(self.uids, uids)
        known = rows < len(self.uids)  # the others are new: EXISTS tells of them
        rows, changed = rows[known], changed[known]
        if told is not None and len(told.rows):
            at = np.minimum(np.searchsorted(told.rows, rows), len(told.rows) - 1)
            news = (told.rows[at] != rows) | (told.words[at] != index.flags[changed])
            rows = rows[news]
        return self.flags_of(rows, with_uid=False)[0]

    def _expunged(self) -> bytes:
        """EXPUNGE for what is gone, from the end, so that each number is right when it is read."""
        rows = np.arange(len(self.uids))
        alive, _ = self.locate(rows)
        if len(alive) == len(rows):
            return b""
        gone = np.setdiff1d(rows, alive, assume_unique=True)
        self.uids = self.uids[alive]
        return b"".join([b"* %d EXPUNGE\r\n" % seq for seq in (gone[::-1] + 1).tolist()])

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
        recent = self.hold.recent
        if not recent or not len(self.uids):
            return 0
        return int(np.isin(np.fromiter(recent, np.int64, len(recent)), self.uids).sum())

    def _first_unseen(self) -> int:
        """The sequence number of the first message without \\Seen; 0 when there is none."""
        flags = self.hold.view.index.flags
        for start in range(0, len(flags), _SCAN_ROWS):
            unseen = (flags[start : start + _SCAN_ROWS] & SEEN) == 0
            if unseen.any():
                return start + int(unseen.argmax()) + 1
        return 0


def _rows(spans: list[tuple[int, int]]) -> Array:
    pieces = [np.arange(start, end) for start, end in spans if start < end]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)
