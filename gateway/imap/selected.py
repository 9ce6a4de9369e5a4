r"""The selected mailbox as one client knows it: which message has which sequence number, and what it has been told.

The law: what the client believes changes only by what it is told here. A message keeps its sequence number until an
EXPUNGE for it was sent, and none is sent while a command that speaks in sequence numbers is answered
(RFC 3501 7.4.1). A client that remembers the highest MODSEQ of an answer has been told of all below it, or is told
with that answer that it has not (RFC 7162 3.2). `rows` are positions in the client's sequence (sequence number less
one), as numpy arrays.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from actors.mailbox.index import run_bounds
from actors.mailbox.rights import READ, flags_allowed
from actors.mailbox.types import SEEN, Ranges, Who
from gateway.imap.flagnames import RECENT_BIT, FlagNames, flag_names
from gateway.imap.parts import Array, Hold, Place
from gateway.imap.spans import runs, vanished
from gateway.imap.style import PLAIN, Style
from gateway.imap.troubles import Bad, Told
from mail.imap.seqset import SequenceSet

if TYPE_CHECKING:
    from gateway.imap.contexts import Contexts

TOLD_MAX: Final = 5000  # messages whose flags are said at once, unasked: about 250 kB
SAVED_RANGES_MAX: Final = 32_768  # of what `$` stands for: 256 kB
_FEW: Final = 200  # messages that are looked for one by one: about 15 ms in the largest mailbox
_NONE: Final[Array] = np.empty(0, np.uint32)
_NOTHING: Final[Array] = np.empty((0, 2), np.uint32)
_SCAN_ROWS: Final = 65_536  # \Seen is looked for in steps of this many messages, as the first unseen is often near


class _Said(NamedTuple):
    """What a client was told, for the next that knows as much as it did: a thousand may idle in one mailbox."""

    key: tuple[object, ...]
    before: Array  # kept, as its identity is in the key
    text: bytes
    after: tuple[Array, int, tuple[str, ...], int, int]
    heard: int  # the highest MODSEQ in it


class Selection:
    """A hold on a mailbox with the client's picture of it."""

    __slots__ = (
        "_allowed",
        "_believed",
        "_coded",
        "_heard",
        "_keywords",
        "_modseq",
        "_recent",
        "_saved",
        "_untold",
        "_whole",
        "contexts",
        "hold",
        "place",
        "style",
        "uids",
    )

    def __init__(self, hold: Hold, place: Place, style: Style = PLAIN) -> None:
        self.hold = hold
        self.place = place
        self.style = style
        # Never changed in place (parts.Index), so the client's sequence costs nothing until the mailbox moves on.
        self.uids: Array = hold.view.index.uids
        self._modseq = hold.view.modseq  # all changes up to it are told, but for `_untold` and what was expunged
        self._whole = self._believed = self._modseq  # all up to it; what the client takes for that (RFC 7162 6)
        self._heard = 0  # the highest MODSEQ it was sent since the last tagged answer
        self._coded = True  # it was sent HIGHESTMODSEQ since then, as it is with the greeting
        self._keywords = hold.view.keywords  # those the client has been told of
        self._allowed = self._changeable()  # so are the flags that it may change
        self._recent = self._count_recent()
        self._untold: Array = _NONE  # UIDs whose flags changed and did not fit into a sync
        self._saved: Array = _NOTHING  # ranges of UIDs, both ends in them: what the last SEARCH with SAVE found
        self.contexts: Contexts | None = None  # searches whose changes the client wants to hear of

    @property
    def account(self) -> int:
        """Whose messages these are."""
        return self.place.account

    @property
    def name(self) -> str:
        """How the client calls it now: it may have been renamed since it was selected."""
        return self.place.wire(self.hold.view.name)

    @property
    def readable(self) -> bool:
        """Whether the client may still read it: its owner can change his mind."""
        return self.place.who is None or READ in self.hold.rights

    def seen_as(self, who: Who) -> None:
        """From now on the client has these identifiers."""
        self.place = self.place._replace(who=who)
        self.hold.who = who

    def _changeable(self) -> int:
        """The bits of a flags word that the client may change now."""
        return flags_allowed(self.hold.view.acl, self.hold.who)

    @property
    def names(self) -> FlagNames:
        """How flags are called now."""
        return flag_names(self.hold.view.keywords)

    @property
    def uidnext(self) -> int:
        """Above all UIDs that the client may know."""
        return max(self.hold.info.uidnext, int(self.uids[-1]) + 1 if len(self.uids) else 1)

    def greeting(self) -> bytes:
        """The untagged responses of SELECT and EXAMINE (RFC 3501 6.3.1, RFC 7162 3.1.2, RFC 9051 6.3.2).

        IMAP4rev2 has neither RECENT nor UNSEEN; UNSEEN is a sequence number.
        """
        info, names, style = self.hold.info, self.names, self.style
        unseen = 0 if style.rev2 or style.uids else self._first_unseen()
        permanent = b"()" if self.hold.read_only else names.permanent(self._allowed)
        return b"".join(
            (
                b"* FLAGS %b\r\n* %d EXISTS\r\n" % (names.defined(), len(self.uids)),
                b"" if style.rev2 else b"* %d RECENT\r\n" % self._recent,
                b"* OK [UNSEEN %d] First unseen\r\n" % unseen if unseen else b"",
                b"* OK [PERMANENTFLAGS %b] Flags that last\r\n" % permanent,
                b"* OK [UIDNEXT %d] Next UID\r\n" % self.uidnext,
                b"* OK [UIDVALIDITY %d] UIDs valid\r\n" % info.uidvalidity,
                b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % self._modseq,
            )
        )

    def resolve(self, messages: SequenceSet, *, uid: bool) -> Array:
        """The rows a set names, ascending, each once. Raises Bad for a sequence number that no message has.

        What was expunged is not in `$` any more, whether or not the client knows (RFC 5182 2.1).
        """
        if not uid and messages.beyond(len(self.uids)):
            raise Bad("There is no message with such a sequence number")  # RFC 3501 9, seq-number
        pieces = [np.arange(start, end) for start, end in self._spans(messages, uid=uid)]
        rows = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        return self.locate(rows)[0] if messages.saved else rows

    def mask(self, messages: SequenceSet, *, uid: bool) -> Array:
        """Of every row, whether a set names it; for SEARCH, where a number that no message has finds nothing."""
        mask = np.zeros(len(self.uids), bool)
        for start, end in self._spans(messages, uid=uid):
            mask[start:end] = True
        return mask

    def forget(self) -> None:
        """From now on `$` is nothing."""
        self._saved = _NOTHING

    def _spans(self, messages: SequenceSet, *, uid: bool) -> list[tuple[int, int]]:
        """Runs of rows, ascending and apart; the end of each is not in it."""
        if messages.saved:
            bounds = self._saved
        elif uid:
            resolved = messages.resolve(int(self.uids[-1]) if len(self.uids) else 0)
            bounds = np.array(resolved, np.uint32).reshape(-1, 2)
        else:
            return [(low - 1, high) for low, high in messages.resolve(len(self.uids))]
        # All at once: a search for a plain number converts all UIDs first, and a set may have thousands of ranges.
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

    def gone(self, known: Array) -> Array:
        """Those of `known`, all UIDs of the mailbox at an earlier moment, that have left it since."""
        current = self.hold.view.index.uids
        left = int(np.searchsorted(current, known[-1], "right")) if len(known) else 0
        found: Array = known[np.array(_missing(known, current[:left]), np.int64)]
        return found

    def ranges(self, rows: Array) -> Ranges:
        """The rows' UIDs as ranges. Runs are merged across UIDs that this client knows do not exist."""
        return tuple(map(tuple, self._runs(rows).tolist()))

    def _runs(self, rows: Array) -> Array:
        """The same as an array."""
        if not len(rows):
            return _NOTHING
        starts, ends = run_bounds(rows)
        return np.stack((self.uids[starts], self.uids[ends]), axis=1)

    def save(self, rows: Array) -> bool:
        """From now on `$` is these rows, ascending; whether there is room for them. Else it is nothing."""
        runs = self._runs(rows)
        self._saved = runs if len(runs) <= SAVED_RANGES_MAX else _NOTHING
        return self._saved is runs

    def flag_texts(self, uids: list[int], words: list[int]) -> list[bytes]:
        """The flag lists for messages with these UIDs and flags words."""
        names, recent = self.names, self.hold.recent
        if not recent or self.style.rev2:
            return [names[word] for word in words]
        return [names[word | RECENT_BIT if uid in recent else word] for uid, word in zip(uids, words, strict=True)]

    def sync(
        self,
        *,
        expunges: bool,
        told: Told | None = None,
        most: int = TOLD_MAX,
        flags: bool = True,
        with_uid: bool = False,
    ) -> bytes:
        """The untagged responses that bring the client up to date; empty when it is. Without `flags` it is left to a
        later call that has them to say what flags have changed.

        At most `most` messages' flags at once: while there is `more`, the next call says more.
        """
        view = self.hold.view
        settled = view.modseq == self._modseq and not self.more and self._allowed == self._changeable()
        if settled and (not expunges or len(self.uids) == view.index.count):
            return b""
        heard, self._heard = self._heard, 0
        if told is not None or self.more or self.hold.recent:
            text = self._sync(expunges, told, most, flags, with_uid)
        else:
            text = self._sync_as_others(expunges, most, flags, with_uid)
        self._heard = max(heard, self._heard)
        if self._modseq == view.modseq and not self.more and len(self.uids) == view.index.count:
            self._whole = view.modseq
        return text

    def _sync_as_others(self, expunges: bool, most: int, flags: bool, with_uid: bool) -> bytes:
        """What another client that knew as much was told is told again."""
        view = self.hold.view
        known = (self.uids, self._modseq, self._keywords, self._recent, self._allowed)
        asked = (view.modseq, self.hold.read_only, self._changeable(), self.style, expunges, most, flags, with_uid)
        key = (*asked, *_same(self.uids), *known[1:])
        said = view.said
        if isinstance(said, _Said) and said.key == key:
            self.uids, self._modseq, self._keywords, self._recent, self._allowed = said.after
            self._heard = said.heard
            return said.text
        text = self._sync(expunges, None, most, flags, with_uid)
        if not self.more:
            after = (self.uids, self._modseq, self._keywords, self._recent, self._allowed)
            view.said = _Said(key, known[0], text, after, self._heard)
        return text

    def _sync(self, expunges: bool, told: Told | None, most: int, flags: bool, with_uid: bool) -> bytes:
        told_flags = b""
        if flags:
            told_flags = self.new_keywords() + self._flags(told, most, with_uid)
            self._modseq = self.hold.view.modseq
        sizes = (self._expunged() if expunges else b"") + self._arrived()
        return told_flags + sizes + (self._recents() if sizes else b"")

    def highest(self) -> bytes:
        """HIGHESTMODSEQ, before a tagged answer, if the client would otherwise make a wrong one of what it was sent.

        RFC 7162 6: it takes the highest MODSEQ of the answer. That would be too high while an EXPUNGE or flags with a
        lower one wait, and too low for who hears of what is gone without any MODSEQ.
        """
        if not self.style.modseq:
            return b""
        if not self._coded:
            self._believed = max(self._believed, self._heard)
        believed = self._believed
        line = b""
        if believed > self._whole or (self.style.resync and believed < self._whole):
            line = b"* OK [%b] Highest\r\n" % self.highest_code().encode()
        self._coded, self._heard = False, 0
        return line

    def highest_code(self) -> str:
        """The response code by which the client knows up to where it has heard all (RFC 7162 3.1.2.1)."""
        self._believed, self._coded = self._whole, True
        return f"HIGHESTMODSEQ {self._whole}"

    def heard(self, modseqs: Array) -> None:
        """The client is sent these MODSEQs."""
        if len(modseqs):
            self._heard = max(self._heard, int(modseqs.max()))

    @property
    def more(self) -> bool:
        """Whether the last sync left something to the next."""
        return len(self._untold) > 0

    def flags_of(self, rows: Array, *, with_uid: bool) -> tuple[bytes, Told]:
        """FETCH responses with the flags of those rows that still exist, as STORE answers (RFC 3501 6.4.8 for UID)."""
        rows, places = self.locate(rows)
        index = self.hold.view.index
        words = index.flags[places]
        uids = self.uids[rows].tolist()
        texts = self.flag_texts(uids, words.tolist())
        if not self.style.modseq:
            return self.style.fetched(rows, uids, with_uid=with_uid, flags=texts), Told(rows, words)
        modseqs = index.modseqs[places]
        self.heard(modseqs)
        text = self.style.fetched(rows, uids, with_uid=True, flags=texts, modseqs=modseqs.tolist())
        return text, Told(rows, words, modseqs)

    def modseqs_of(self, rows: Array, places: Array) -> tuple[bytes, Array]:
        """FETCH responses with the MODSEQs alone, of rows that exist; and those MODSEQs."""
        modseqs = self.hold.view.index.modseqs[places]
        self.heard(modseqs)
        uids = self.uids[rows].tolist()
        return self.style.fetched(rows, uids, with_uid=True, modseqs=modseqs.tolist()), modseqs

    def changed(self, rows: Array, since: int) -> Array:
        """Those of the rows that exist and have a higher MODSEQ (RFC 7162 3.1.4.1)."""
        rows, places = self.locate(rows)
        changed: Array = rows[self.hold.view.index.modseqs[places] > since]
        return changed

    def changed_since(self, since: int) -> Array:
        """All rows that exist and have a higher MODSEQ."""
        index = self.hold.view.index
        uids = index.uids[index.modseqs > since]
        last = self.uids[-1] if len(self.uids) else 0
        rows: Array = np.searchsorted(self.uids, uids[uids <= last])
        return rows

    def unheard(self, places: Array) -> Array:
        """Which of these places in the index have changes that the client has not been told of."""
        unheard: Array = self.hold.view.index.modseqs[places] > self._modseq
        return unheard

    def new_keywords(self) -> bytes:
        """New keywords are made known before a FETCH shows them; so is what the client may change (RFC 4314 5.1.1)."""
        keywords, allowed = self.hold.view.keywords, self._changeable()
        if keywords == self._keywords and allowed == self._allowed:
            return b""
        self._keywords, self._allowed = keywords, allowed
        names = self.names
        permanent = b"()" if self.hold.read_only else names.permanent(allowed)
        return b"* FLAGS %b\r\n* OK [PERMANENTFLAGS %b] Flags that last\r\n" % (names.defined(), permanent)

    def _flags(self, told: Told | None, most: int, with_uid: bool) -> bytes:
        """Flags that changed since the last sync, save what the client knows already."""
        if not len(self.uids):
            self._untold = _NONE
            return b""
        index = self.hold.view.index
        changed = np.flatnonzero(index.modseqs > self._modseq)
        uids = index.uids[changed]
        known = uids <= self.uids[-1]  # the others are new: EXISTS tells of them
        uids, changed = uids[known], changed[known]
        if told is not None and len(told.rows):
            rows = np.searchsorted(self.uids, uids)
            at = np.minimum(np.searchsorted(told.rows, rows), len(told.rows) - 1)
            uids = uids[
                (told.rows[at] != rows) | ~self._is_known(told, at, index.flags[changed], index.modseqs[changed])
            ]
        if self.more:
            uids = np.union1d(self._untold, uids)
        self._untold = uids[most:] if len(uids) > most else _NONE  # an empty slice would hold all of them
        rows = np.searchsorted(self.uids, uids[:most])
        rows = rows[self.uids[np.minimum(rows, len(self.uids) - 1)] == uids[:most]]  # some may be expunged since
        return self.flags_of(rows, with_uid=with_uid)[0]

    def _is_known(self, told: Told, at: Array, words: Array, modseqs: Array) -> Array:
        """Whether what was told at these places is how it is. Who hears of MODSEQs has to know the last one."""
        if not self.style.modseq:
            same: Array = told.words[at] == words
        elif told.modseqs is None:
            same = np.zeros(len(at), bool)
        else:
            same = told.modseqs[at] == modseqs
        return same

    def _expunged(self) -> bytes:
        """VANISHED, or EXPUNGE from the end, so that each number is right when it is read."""
        current = self.hold.view.index.uids
        left = int(np.searchsorted(current, self.uids[-1], "right")) if len(self.uids) else 0
        gone = _missing(self.uids, current[:left])
        uids, self.uids = self.uids, current[:left]
        if self.style.vanished:
            return b"".join(vanished(runs(uids[gone])))
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
        if self.style.rev2:
            return b""
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


def _same(uids: Array) -> tuple[int, int]:
    """What only the same UIDs have, while they are kept: arrays of them are never changed in place (parts.Index)."""
    return id(uids if uids.base is None else uids.base), len(uids)


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
