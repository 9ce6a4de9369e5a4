"""A machine that takes lines (IMAP, POP3) as its shell drives it."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")


class Machine(Protocol[E_co]):
    """What `ImapMachine` and `Pop3Machine` have in common."""

    @property
    def waiting(self) -> bool: ...
    def receive(self, data: bytes) -> None: ...
    def events(self) -> Iterable[E_co]: ...
    def expect_line(self) -> None: ...
    def resume(self) -> None: ...


def feed(machine: Machine[E], data: bytes, command: type) -> list[E]:
    """All events. Where the machine waits, after a `command` the shell asks for one raw line, and then goes on."""
    events: list[E] = []
    machine.receive(data)
    while True:
        seen = list(machine.events())
        events += seen
        if not machine.waiting:
            return events
        if isinstance(seen[-1], command):
            machine.expect_line()
        else:
            machine.resume()
