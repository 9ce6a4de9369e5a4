"""RFC 5256's REFERENCES word for word: slow, recursive, and with nothing in it but the text's own steps."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(eq=False)
class Node:
    """A message, or a dummy (`row` None)."""

    row: int | None = None
    parent: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)

    def is_under(self, other: "Node") -> bool:
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    def adopt(self, child: "Node") -> None:
        child.leave()
        child.parent = self
        self.children.append(child)

    def leave(self) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None


class Slow:
    """One threading; `sent` are comparable, `subjects` are folded base subjects."""

    def __init__(
        self,
        ids: Sequence[str | None],
        parents: Sequence[Sequence[str]],
        sent: Sequence[int],
        subjects: Sequence[str],
        replies: Sequence[bool],
    ) -> None:
        self.ids, self.parents, self.sent, self.subjects, self.replies = ids, parents, sent, subjects, replies
        self.root = Node()

    def thread(self, *, by_subject: bool = True) -> str:
        """What THREAD sends, with rows for numbers."""
        self.link()
        self.prune(self.root)
        self.root.children.sort(key=self.by_date)  # (4)
        if by_subject:
            self.group()
        self.sort(self.root)  # (6)
        return "".join(render(node) for node in self.root.children)

    def link(self) -> None:
        table: dict[str, Node] = {}
        messages = []
        for row, id_ in enumerate(self.ids):
            node = Node(row)
            messages.append(node)
            if id_ is not None and id_ not in table:
                table[id_] = node
        for row, references in enumerate(self.parents):
            nodes = [table.setdefault(one, Node()) for one in references]
            for parent, child in itertools.pairwise(nodes):  # (1) (A)
                if child.parent is None and not parent.is_under(child):
                    parent.adopt(child)
            messages[row].leave()  # (1) (B)
            if nodes and not nodes[-1].is_under(messages[row]):
                nodes[-1].adopt(messages[row])
        for node in dict.fromkeys([*messages, *table.values()]):  # (2)
            if node.parent is None:
                self.root.adopt(node)

    def prune(self, node: Node) -> None:
        for child in list(node.children):  # (3)
            self.prune(child)
            if child.row is not None:
                continue
            if not child.children:
                child.leave()
            elif node is not self.root or len(child.children) == 1:
                for one in list(child.children):
                    node.adopt(one)
                child.leave()

    def first(self, node: Node) -> int:
        """The message itself, or a dummy's first child by date."""
        if node.row is not None:
            return node.row
        return min(
            (child.row for child in node.children if child.row is not None), key=lambda row: (self.sent[row], row)
        )

    def by_date(self, node: Node) -> tuple[int, int]:
        row = self.first(node)
        return self.sent[row], row

    def is_reply(self, node: Node) -> bool:
        return node.row is not None and self.replies[node.row]

    def subject(self, node: Node) -> str:
        row = node.row if node.row is not None else node.children[0].row
        assert row is not None
        return self.subjects[row]

    def group(self) -> None:
        for node in self.root.children:
            if node.row is None:
                node.children.sort(key=self.by_date)
        table: dict[str, Node] = {}
        for node in self.root.children:  # (5) (B)
            subject = self.subject(node)
            if not subject:
                continue
            held = table.get(subject)
            if held is None or (
                held.row is not None and (node.row is None or (self.is_reply(held) and not self.is_reply(node)))
            ):
                table[subject] = node
        for node in list(self.root.children):  # (5) (C)
            if node.parent is not self.root:
                continue
            subject = self.subject(node)
            if not subject or table[subject] is node:
                continue
            held = table[subject]
            if held.row is None and node.row is None:
                for child in list(node.children):
                    held.adopt(child)
                node.leave()
            elif held.row is None or (self.is_reply(node) and not self.is_reply(held)):
                held.adopt(node)
            else:
                dummy = Node()
                self.root.adopt(dummy)
                dummy.adopt(held)
                dummy.adopt(node)
                table[subject] = dummy

    def sort(self, node: Node) -> None:
        for child in node.children:
            self.sort(child)
        node.children.sort(key=self.by_date)


def render(node: Node) -> str:
    """thread-list (RFC 5256 5)."""
    return f"({_members(node)})"


def _members(node: Node) -> str:
    begin = "" if node.row is None else str(node.row)
    if not node.children:
        return begin
    rest = _members(node.children[0]) if len(node.children) == 1 else "".join(map(render, node.children))
    return f"{begin} {rest}" if begin else rest
