"""How many connections one account has to this gateway.

The law: who was let in is counted until it leaves, and once; an account without connections is not kept. It is counted
for each gateway by itself: for the whole cluster each connection would cost a commit when it comes, when it goes, and
every forty seconds that it lasts (the leases of actors/throttle), and ten thousand idle ones 250 commits a second.
"""

from collections import Counter


class Places:
    """Of one kind of connection."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    def enter(self, account: int, most: int) -> bool:
        """Take a place, if fewer than `most` are taken; to be given back with `leave`."""
        if self._taken[account] >= most:
            return False
        self._taken[account] += 1
        return True

    def leave(self, account: int) -> None:
        """Give one back."""
        self._taken[account] -= 1
        if self._taken[account] <= 0:
            del self._taken[account]

    def __len__(self) -> int:
        """How many accounts have connections."""
        return len(self._taken)
