"""A reader of conversation files, and how events are written in them.

limits: depth_max=3        any of Limits
C: a line, sent with CRLF  R: raw octets with Python's escapes, sent without
E: an event that must come, as `show` writes it
S: what the machine itself sends, without CRLF
do: resume                 a call on the machine: resume, expect_line or forget
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from mail.imap.events import Command, Event
from mail.imap.fetch import BinarySection, BinarySize, BodySection
from mail.imap.limits import Limits
from mail.imap.machine import ImapMachine
from mail.imap.seqset import PartialRange, SequenceSet

FOLDER = Path(__file__).parent / "conversations"


def show(value: object) -> str:
    """A value on one line, without the names of its fields and without b''."""
    match value:
        case Command(tag=tag, command=command):
            return f"{show(tag)} {show(command)}"
        case SequenceSet() | PartialRange():
            return bytes(value).decode()
        case BodySection() | BinarySection():
            shown = value.label().decode() + (f"..{value.partial.count_bytes}" if value.partial else "")
            return shown.replace("BODY", "PEEK", 1).replace("BINARY[", "BINARY.PEEK[", 1) if value.peek else shown
        case BinarySize():
            return value.label().decode()
        case Enum():
            return value.name
        case bytes():
            return repr(value)[2:-1]
        case frozenset():
            return "{" + ", ".join(sorted(map(show, value))) + "}"
        case tuple():
            return "(" + ", ".join(map(show, value)) + ")"
        case _ if is_dataclass(value):
            return f"{type(value).__name__}({', '.join(_values(value))})"
    return str(value)


def _values(value: Any) -> Iterator[str]:
    """The fields in their order; those of extensions, which have names, only where they say something."""
    for field in fields(value):
        found = getattr(value, field.name)
        if not field.kw_only:
            yield show(found)
        elif found != field.default:
            yield f"{field.name}={show(found)}"


def steps(name: str) -> Iterator[tuple[str, str]]:
    """The lines of a conversation, as mark and rest."""
    for line in (FOLDER / name).read_text().splitlines():
        if line and not line.startswith("#"):
            mark, _, rest = line.partition(":")
            yield mark, rest.removeprefix(" ")


class Session:
    """A machine whose events are gathered as they come; `octets` sends each octet on its own."""

    def __init__(self, limits: Limits | None = None, *, octets: bool = False) -> None:
        self.machine = ImapMachine(limits)
        self._octets = octets
        self.seen: list[str] = []

    def send(self, data: bytes) -> None:
        chunks = [data[place : place + 1] for place in range(len(data))] if self._octets else [data]
        for chunk in chunks:
            self.machine.receive(chunk)
            self.gather()

    def gather(self) -> None:
        self.seen += [show(event) for event in self.machine.events()]
        self.seen += [f"S {line.decode()}" for line in self.machine.outgoing().splitlines()]

    def step(self, mark: str, rest: str) -> None:
        """Do what the line says; an expectation that is not met is an AssertionError."""
        match mark:
            case "C":
                self.send(rest.encode() + b"\r\n")
            case "R":
                self.send(raw(rest))
            case "limits":
                changes = dict(pair.split("=") for pair in rest.split())
                self.machine.limits = replace(self.machine.limits, **{k: int(v) for k, v in changes.items()})
            case "do":
                getattr(self.machine, rest)()
                self.gather()
            case "E" | "S":
                expected = rest if mark == "E" else f"S {rest}"
                assert self.seen, f"nothing came; expected {expected}"
                assert self.seen.pop(0) == expected
            case _:
                raise ValueError(mark)


def raw(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def parsed(data: bytes, limits: Limits | None = None) -> list[Event]:
    """All events of one piece of input."""
    machine = ImapMachine(limits)
    machine.receive(data)
    return list(machine.events())
