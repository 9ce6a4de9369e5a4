"""Searches whose changes the client wants to hear of (CONTEXT=SEARCH, CONTEXT=SORT, RFC 5267 4.3): what each holds, and
how a change of it is said.

The law: who applies what is said to what he had has what the context holds, in its order. A position is that of the
moment in which it is read: what leaves is said from the end, what comes from the beginning. Nothing here waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from gateway.access.parts import Array
from mail.imap.fetch import FetchItem
from mail.imap.results import Searched, Update, UpdateKind, esearch_line
from mail.imap.search import SearchKey
from mail.imap.seqset import build, build_in_order
from mail.imap.sorting import SortCriterion

if TYPE_CHECKING:
    from gateway.imap.selected import Selection

CONTEXTS_MAX: Final = 5  # of a session
MEMBERS_MAX: Final = 2_000_000  # of all contexts of a session: 8 MB
_SAID_AT_ONCE: Final = 2000  # messages in one response: some 16 kB


@dataclass(slots=True)
class Context:
    """One. `members`: UIDs in its order. `key` has no sequence numbers: they were looked up when it was asked for."""

    tag: bytes
    uid: bool
    key: SearchKey
    criteria: tuple[SortCriterion, ...]  # none: the mailbox's order
    items: tuple[FetchItem, ...]  # told of new messages (RFC 5465 7)
    searched: Searched | None
    members: Array
    modseq: int  # up to it, what changed has been looked for,
    last: int  # up to this UID what came,
    newest: int  # as long as this is the newest UID what `*` stands for,
    moment_s: int  # and up to this moment what grew old
    due: Array  # UIDs that have to be looked at
    judged: int  # what is above this UID was never looked at, and is new

    def remove(self, uids: Array, selection: "Selection") -> bytes:
        """These are out, as far as they are in."""
        if self.criteria:
            places = np.flatnonzero(np.isin(self.members, uids))
            gone = self.members[places]
        else:
            gone = np.intersect1d(self.members, uids, assume_unique=True)
            places = np.searchsorted(self.members, gone)
        self.members = np.delete(self.members, places)
        lines = []
        for start in reversed(range(0, len(gone), _SAID_AT_ONCE)):
            some = slice(start, start + _SAID_AT_ONCE)
            lines.append(self._said(UpdateKind.REMOVE, places[some], gone[some], selection))
        return b"".join(lines)

    def add(self, uids: Array, places: Array, selection: "Selection") -> bytes:
        """These are in, none of which was; `places`: where in `members` each comes before what is there, ascending."""
        self.members = np.insert(self.members, places, uids)
        places = places + np.arange(len(places))
        lines = []
        for start in range(0, len(uids), _SAID_AT_ONCE):
            some = slice(start, start + _SAID_AT_ONCE)
            lines.append(self._said(UpdateKind.ADD, places[some], uids[some], selection))
        return b"".join(lines)

    def _said(self, kind: UpdateKind, places: Array, uids: Array, selection: "Selection") -> bytes:
        numbers = uids if self.uid else np.searchsorted(selection.uids, uids) + 1
        if self.criteria:
            runs = np.split(np.arange(len(places)), np.flatnonzero(np.diff(places) != 1) + 1)
            if kind is UpdateKind.REMOVE:
                runs.reverse()
            said = [(int(places[run[0]]) + 1, build_in_order(numbers[run].tolist())) for run in runs]
        else:
            said = [(0, build(numbers.tolist()))]
        return esearch_line(self.tag, uid=self.uid, searched=self.searched, updates=[Update(kind, said)])


@dataclass(slots=True)
class Contexts:
    """Those of a selected mailbox. `known`: all UIDs of the mailbox when it was last looked for what has left."""

    known: Array
    all: dict[bytes, Context] = field(default_factory=dict)

    def leave(self, selection: "Selection") -> bytes:
        """REMOVEFROM for what was expunged, to be said before EXPUNGE is (RFC 5267 4.3.4)."""
        gone = selection.gone(self.known)
        self.known = selection.hold.view.index.uids
        if not len(gone):
            return b""
        return b"".join([context.remove(gone, selection) for context in self.all.values()])

    def has_room(self, members: int) -> bool:
        """Whether there may be one more, of so many messages."""
        held = sum(len(context.members) for context in self.all.values())
        return len(self.all) < CONTEXTS_MAX and held + members <= MEMBERS_MAX

    def cancel(self, tags: Sequence[bytes]) -> bool:
        """CANCELUPDATE; whether all of them were there."""
        found = [self.all.pop(tag, None) is not None for tag in dict.fromkeys(tags)]
        return all(found)
