"""The least script that still fails: steps are left out as long as the same thing goes wrong.

The law: only whole steps go; what is left is played from an empty server each time.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrunk(steps: Sequence[T], fails: Callable[[list[T]], bool], tries_max: int = 400) -> list[T]:
    """A script of which no step can be left out, or the best that was found in so many tries."""
    left, tries, size = list(steps), 0, max(1, len(steps) // 2)
    while tries < tries_max:
        for start in range(0, len(left), size):
            without = left[:start] + left[start + size :]
            tries += 1
            if tries > tries_max:
                break
            if without and fails(without):
                left = without
                break
        else:
            if size == 1:
                break
            size //= 2
    return left
