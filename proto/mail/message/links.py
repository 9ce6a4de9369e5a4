"""Parents and children among messages while threads are built (RFC 5256 3, REFERENCES step 1).

The law: no link ever closes a loop; every node has at most one parent. Whether a link would close one is found in a
few steps for real mail, and in amortised O(log n) for any: a hostile mailbox costs no more than its number of
messages allows.
"""

from typing import Final

NONE: Final = -1

# How far up a parent is followed before the balanced trees are asked; real threads are seldom deeper.
_STEPS_NEAR: Final = 64
# For each node, of all walks together; and how often the trees may be asked. No real mailbox comes near either: each
# message asks once or twice. What is over it is taken for a loop, so that the link is left out.
_STEPS_A_NODE: Final = 32
_ASKED_A_NODE: Final = 4
_ASKED_LEAST: Final = 1000


class Links:
    """A forest under change. Nodes are numbers from 0; `parents` has NONE for those without a parent."""

    def __init__(self, count: int) -> None:
        self.parents: list[int] = [NONE] * count
        self._children = [0] * count
        self._steps_left = count * _STEPS_A_NODE
        self._asks_left = count * _ASKED_A_NODE + _ASKED_LEAST
        self._paths: _Paths | None = None  # only once a walk was too long

    def add(self) -> int:
        """One node more."""
        self.parents.append(NONE)
        self._children.append(0)
        if self._paths is not None:
            self._paths.add()
        return len(self.parents) - 1

    def link(self, child: int, parent: int) -> None:
        """Make `parent` the parent of `child`, which has none; nothing where that would close a loop."""
        if child == parent:
            return
        # Without children it is nobody's ancestor; and who has no parent is below nobody.
        if self._children[child] and self.parents[parent] >= 0 and self._is_below(parent, child):
            return
        self.parents[child] = parent
        self._children[parent] += 1
        if self._paths is not None:
            self._paths.link(child, parent)

    def cut(self, child: int) -> None:
        """Take `child`, which has a parent, from it."""
        self._children[self.parents[child]] -= 1
        self.parents[child] = NONE
        if self._paths is not None:
            self._paths.cut(child)

    def _is_below(self, node: int, root: int) -> bool:
        """Whether `root`, which has no parent, is above `node`."""
        parents = self.parents
        near = min(_STEPS_NEAR, self._steps_left)
        steps = 0
        while steps < near:
            above = parents[node]
            if above < 0:
                self._steps_left -= steps
                return node == root
            node = above
            steps += 1
        self._steps_left -= steps
        self._asks_left -= 1
        if self._asks_left < 0:
            return True
        if self._paths is None:
            self._paths = _Paths(parents)
        return self._paths.root(node) == root


class _Paths:
    """The same forest as link-cut trees (Sleator and Tarjan, 1983; splay trees as Tarjan has them in 1984).

    Each path of the forest that was walked last is a splay tree, ordered by depth. `up` is a node's parent in its
    splay tree, or at the top of one the forest's parent of the path's first node.
    """

    def __init__(self, parents: list[int]) -> None:
        self._up = parents.copy()  # at first every node is a path of its own
        self._left = [NONE] * len(parents)
        self._right = [NONE] * len(parents)

    def add(self) -> None:
        for links in (self._up, self._left, self._right):
            links.append(NONE)

    def link(self, child: int, parent: int) -> None:
        self._access(child)
        self._up[child] = parent

    def cut(self, child: int) -> None:
        self._access(child)
        above = self._left[child]
        self._up[above] = NONE
        self._left[child] = NONE

    def root(self, node: int) -> int:
        self._access(node)
        left = self._left
        while left[node] >= 0:
            node = left[node]
        self._splay(node)
        return node

    def _access(self, node: int) -> None:
        """Make the path from the root to `node` one splay tree, with `node` at its top and nothing below it."""
        below, at = NONE, node
        while at >= 0:
            self._splay(at)
            self._right[at] = below
            below, at = at, self._up[at]
        self._splay(node)

    def _splay(self, node: int) -> None:
        up, left, right = self._up, self._left, self._right
        while True:
            over = up[node]
            if over < 0 or (left[over] != node and right[over] != node):
                return
            top = up[over]
            if top >= 0 and (left[top] == over or right[top] == over):
                self._rotate(over if (left[over] == node) == (left[top] == over) else node)
            self._rotate(node)

    def _rotate(self, node: int) -> None:
        """Exchange `node` and the one over it."""
        up, left, right = self._up, self._left, self._right
        over = up[node]
        top = up[over]
        if left[over] == node:
            moved = left[over] = right[node]
            right[node] = over
        else:
            moved = right[over] = left[node]
            left[node] = over
        if moved >= 0:
            up[moved] = over
        up[over] = node
        up[node] = top
        if top >= 0:
            if left[top] == over:
                left[top] = node
            elif right[top] == over:
                right[top] = node
