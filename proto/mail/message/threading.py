"""THREAD: ORDEREDSUBJECT and REFERENCES (RFC 5256 3), and REFS (draft-ietf-morg-inthread 4).

The law: every message is in the forest exactly once, whatever its references say; nothing recurs, so threads may be
as deep as there are messages; and the time is that of sorting, for hostile references too (see `links`).

Messages are rows 0 to n - 1 in the order of the mailbox, which decides between equal dates. All columns have n rows.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mail.message.links import Links

Array = npt.NDArray[Any]

OPEN: Final = -1
CLOSE: Final = -2


class Forest(NamedTuple):
    """Threads in their order. A node under `messages` is the row of one; others are dummies.

    A dummy is only ever a root, and has at least two children. `children` has those nodes that have children, each
    with all of them in order.
    """

    messages: int
    roots: list[int]
    children: dict[int, list[int]]


def nested(forest: Forest) -> list[int]:
    """The forest as THREAD sends it (RFC 5256 4): rows, and OPEN and CLOSE for parentheses.

    A row after a row is its only child. Between two rows, and between a row and OPEN, there is a space.
    """
    out: list[int] = []
    children, count = forest.children, forest.messages
    left = forest.roots[::-1]
    while left:
        node = left.pop()
        if node == CLOSE:
            out.append(CLOSE)
            continue
        out.append(OPEN)
        if node < count:
            out.append(node)
        below = children.get(node, ())
        while len(below) == 1:
            out.append(below[0])
            below = children.get(below[0], ())
        left.append(CLOSE)
        left.extend(reversed(below))
    return out


def ordered_subject(subjects: Sequence[str], sent: Array) -> Forest:
    """ORDEREDSUBJECT: `subjects` are base subjects, folded; `sent` are sent dates.

    Messages of one subject are one thread (also those without one): the earliest, and all others its children.
    """
    first_of: dict[str, int] = {}
    children: dict[int, list[int]] = {}
    for row in _by_date(sent):
        first = first_of.setdefault(subjects[row], row)
        if first != row:
            children.setdefault(first, []).append(row)
    return Forest(len(subjects), [*first_of.values()], children)


def references(
    ids: Sequence[Hashable | None],
    parents: Sequence[Sequence[Hashable]],
    sent: Array,
    subjects: Sequence[str],
    replies: Sequence[bool],
) -> Forest:
    """REFERENCES: `ids` are message ids (None: has none), `parents` as `thread.parents_of` gives them.

    `sent` are sent dates, `subjects` base subjects, folded, and `replies` tells which subjects are a reply's or a
    forward's (`thread.is_reply`).
    """
    by_date = _by_date(sent)
    forest = _linked(ids, parents, by_date)
    return _Grouping(forest, _places(by_date), subjects, replies).grouped()


def refs(ids: Sequence[Hashable | None], parents: Sequence[Sequence[Hashable]], sent: Array, arrived: Array) -> Forest:
    """REFS: as REFERENCES without regard to subjects, the thread with the latest arrival (`arrived`) last."""
    forest = _linked(ids, parents, _by_date(sent))
    place = _places(_by_date(arrived))
    latest = {root: max(place[row] for row in _rows(forest, root)) for root in forest.roots}
    return forest._replace(roots=sorted(forest.roots, key=latest.__getitem__))


def _by_date(dates: Array) -> list[int]:
    """Rows, the earliest first, equals in the order of the mailbox (RFC 5256 2.2)."""
    rows: list[int] = np.argsort(dates, kind="stable").tolist()
    return rows


def _places(rows: list[int]) -> list[int]:
    """For each row where it is among `rows`."""
    places = [0] * len(rows)
    for place, row in enumerate(rows):
        places[row] = place
    return places


def _rows(forest: Forest, root: int) -> list[int]:
    """All messages of a thread."""
    nodes = [root]
    for node in nodes:  # grows as it goes
        nodes += forest.children.get(node, ())
    return nodes if root < forest.messages else nodes[1:]


def _linked(ids: Sequence[Hashable | None], parents: Sequence[Sequence[Hashable]], by_date: list[int]) -> Forest:
    """Steps 1 to 4: the threads that references make, siblings and threads in the order of their dates."""
    count = len(ids)
    links = _links(ids, parents)
    tops = _tops(links.parents, count)
    roots: list[int] = []
    children: dict[int, list[int]] = {}
    for row in by_date:  # so that all lists come out sorted, and a dummy is where its first child is
        top = tops[row]
        if top < 0:
            roots.append(row)
        elif top in children:
            children[top].append(row)
        else:
            children[top] = [row]
            if top >= count:
                roots.append(top)
    for at, root in enumerate(roots):
        if root >= count and len(children[root]) == 1:  # step 3: an only child takes the place of a dummy
            roots[at] = children.pop(root)[0]
    return Forest(count, roots, children)


def _links(ids: Sequence[Hashable | None], parents: Sequence[Sequence[Hashable]]) -> Links:
    """Step 1: who is whose parent. Nodes from len(ids) on are dummies, for ids that no message has."""
    links = Links(len(ids))
    nodes: dict[Hashable, int] = {}
    for row, id_ in enumerate(ids):
        if id_ is not None:
            nodes.setdefault(id_, row)  # of several with one id, it is the first one's
    parent_of, link = links.parents, links.link
    for row, ancestors in enumerate(parents):
        last = -1
        for ancestor in ancestors:  # A: each is the parent of the next, unless that has one
            node = nodes.get(ancestor, -1)
            if node < 0:
                node = nodes[ancestor] = links.add()
            if last >= 0 and parent_of[node] < 0:
                link(node, last)
            last = node
        if parent_of[row] != last:  # B: the last is this message's parent, whatever others said
            if parent_of[row] >= 0:
                links.cut(row)
            if last >= 0:
                link(row, last)
    return links


def _tops(parents: list[int], count: int) -> list[int]:
    """Step 3: for each message its parent without the dummies between.

    That is the nearest message above it, or else the dummy at the root of its thread, or -1 for a root.
    """
    tops = parents.copy()
    for dummy in range(count, len(parents)):
        chain = []
        node = dummy
        while tops[node] >= count:
            chain.append(node)
            node = tops[node]
        # `node` is at the root (then it is what stays), or has a message over it.
        top = tops[node] if tops[node] >= 0 else node
        for passed in chain:
            tops[passed] = top
    for row in range(count):
        top = tops[row]
        if top >= count and tops[top] >= 0:
            tops[row] = tops[top]
    return tops[:count]


class _Grouping:
    """Steps 5 and 6: threads of one subject come together."""

    def __init__(self, forest: Forest, places: Sequence[int], subjects: Sequence[str], replies: Sequence[bool]) -> None:
        self._count, self._roots, self._children = forest
        self._places = places
        self._subjects = subjects
        self._replies = replies
        self._next = max([self._count - 1, *self._roots]) + 1  # for new dummies

    def grouped(self) -> Forest:
        """The result; the forest given is used up."""
        table = self._table()
        roots: list[int] = []
        grown: set[int] = set()  # whose children are no longer in order
        replaced: dict[int, int] = {}  # message of the table -> the new dummy over it
        for root in self._roots:
            subject = self._subject(root)
            if not subject or table[subject] == root:
                roots.append(root)
                continue
            head = table[subject]
            if root >= self._count:
                self._children[head] += self._children.pop(root)
            elif head >= self._count or (self._replies[root] and not self._replies[head]):
                self._children.setdefault(head, []).append(root)
            else:
                table[subject] = replaced[head] = self._next
                self._children[self._next] = [head, root]
                self._next += 1
            grown.add(table[subject])
        return self._sorted([replaced.get(root, root) for root in roots], grown)

    def _table(self) -> dict[str, int]:
        """Step 5.B: of each subject the thread that the others will join."""
        table: dict[str, int] = {}
        count, replies = self._count, self._replies
        for root in self._roots:
            subject = self._subject(root)
            if not subject:
                continue
            head = table.get(subject)
            if head is None or (head < count and (root >= count or (replies[head] and not replies[root]))):
                table[subject] = root
        return table

    def _subject(self, root: int) -> str:
        """Step 5.B (i): of a dummy it is its first child's."""
        return self._subjects[root if root < self._count else self._children[root][0]]

    def _sorted(self, roots: list[int], grown: set[int]) -> Forest:
        """Step 6, for what step 5 has changed."""
        children, places, count = self._children, self._places, self._count
        for node in grown:
            children[node].sort(key=places.__getitem__)
        roots.sort(key=lambda root: places[root if root < count else children[root][0]])
        return Forest(count, roots, children)
