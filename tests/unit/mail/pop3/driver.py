"""A reader of conversation files, and how events are written in them.

limits: command_max_bytes=30   any of Limits
C: a line, sent with CRLF      R: raw octets with Python's escapes, sent without
E: an event that must come: a command and its values, `Line ...`, or `-ERR` with its text
do: resume                     a call on the machine: resume, expect_line or forget
"""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from mail.pop3.events import Bad, Command, Event, Line
from mail.pop3.limits import Limits
from mail.pop3.machine import Pop3Machine

FOLDER = Path(__file__).parent / "conversations"


def show(event: Event) -> str:
    """An event on one line; octets as Python writes them, without b''."""
    match event:
        case Command(command):
            values = [getattr(command, field.name) for field in fields(command)]
            return " ".join([type(command).__name__.upper(), *(_value(value) for value in values)])
        case Line(data):
            return f"Line {_value(data)}"
        case Bad(text):
            return f"-ERR {text}"


def _value(value: object) -> str:
    return repr(value)[2:-1] if isinstance(value, bytes) else str(value)


def steps(name: str) -> Iterator[tuple[str, str]]:
    """The lines of a conversation, as mark and rest."""
    for line in (FOLDER / name).read_text().splitlines():
        if line and not line.startswith("#"):
            mark, _, rest = line.partition(":")
            yield mark, rest.removeprefix(" ")


class Session:
    """A machine whose events are gathered as they come; `octets` sends each octet on its own."""

    def __init__(self, *, octets: bool = False) -> None:
        self.machine = Pop3Machine()
        self._octets = octets
        self.seen: list[str] = []

    def send(self, data: bytes) -> None:
        """Octets from the client."""
        for chunk in [data[place : place + 1] for place in range(len(data))] if self._octets else [data]:
            self.machine.receive(chunk)
            self.seen += map(show, self.machine.events())

    def step(self, mark: str, rest: str) -> None:
        """Do what the line says; an expectation that is not met is an AssertionError."""
        match mark:
            case "C":
                self.send(rest.encode() + b"\r\n")
            case "R":
                self.send(rest.encode().decode("unicode_escape").encode("latin-1"))
            case "limits":
                changes = dict(pair.split("=") for pair in rest.split())
                self.machine.limits = replace(Limits(), **{key: int(value) for key, value in changes.items()})
            case "do":
                getattr(self.machine, rest)()
                self.seen += map(show, self.machine.events())
            case "E":
                assert self.seen, f"nothing came; expected {rest}"
                assert self.seen.pop(0) == rest
            case _:
                raise ValueError(mark)
