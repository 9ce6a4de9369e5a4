"""What happened in a run, in order: for people who replay a seed, and as one hash that says two runs were the same."""

import hashlib
from collections.abc import Callable


class Trace:
    """Events with their virtual times. `tell`, if given, hears each at once as a line."""

    def __init__(self, now: Callable[[], float], tell: Callable[[str], None] | None = None) -> None:
        self._now = now
        self._tell = tell
        self._events: list[tuple[float, str, tuple[object, ...]]] = []

    def __call__(self, what: str, *words: object) -> None:
        """Note an event. The words must print the same in every process (no addresses)."""
        event = (self._now(), what, words)
        self._events.append(event)
        if self._tell is not None:
            self._tell(_line(event))

    def __len__(self) -> int:
        return len(self._events)

    def lines(self) -> list[str]:
        """All events."""
        return [_line(event) for event in self._events]

    def digest(self, steps: int) -> str:
        """16 hexadecimal digits over all events and the number of steps of the loop."""
        return hashlib.blake2b("\n".join([*self.lines(), str(steps)]).encode(), digest_size=8).hexdigest()


def _line(event: tuple[float, str, tuple[object, ...]]) -> str:
    when, what, words = event
    return f"{when:10.6f} {what} {' '.join(map(str, words))}".rstrip()
