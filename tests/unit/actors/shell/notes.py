"""The smallest kind there can be: notes that are written, read, listed, and taken when their time has come."""

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.shell.keys import Layout
from actors.shell.kind import EXPIRY, Decision, Needs, Timer, decode_command, decode_unit, encode
from cluster.errors import Refused


class Note(msgspec.Struct, frozen=True):
    text: str
    lane: int = EXPIRY
    wake_ms: int = 0


class Write(msgspec.Struct, frozen=True, tag="write"):
    names: list[bytes]
    note: Note


class Read(msgspec.Struct, frozen=True, tag="read"):
    names: list[bytes]


class Page(msgspec.Struct, frozen=True, tag="page"):
    after: bytes
    limit: int


class Take(msgspec.Struct, frozen=True, tag="take"):
    limit: int


class Told(msgspec.Struct, frozen=True):
    texts: dict[str, str | None]


Asked = Write | Read | Page | Take
_commands: Final[msgspec.msgpack.Decoder[Asked]] = msgspec.msgpack.Decoder(Asked)
_notes: Final = msgspec.msgpack.Decoder(Note)


class Notes:
    name = "notes"
    layout = Layout(b"Z")

    def decode(self, slot: int, body: bytes) -> Asked:
        return decode_command(_commands, body)

    def needs(self, command: Asked) -> Needs:
        match command:
            case Page():
                return Needs(after=command.after, page_max=command.limit)
            case Take():
                return Needs(work_max=command.limit)
            case _:
                return Needs(tuple(command.names))

    def load(self, stored: bytes) -> Note:
        return decode_unit(_notes, stored)

    def store(self, unit: Note) -> bytes:
        return encode(unit)

    def timer(self, unit: Note) -> Timer | None:
        return Timer(unit.lane, unit.wake_ms) if unit.wake_ms else None

    def decide(self, slot: int, command: Asked, units: Mapping[bytes, Note | None], now_ms: int) -> Decision[Note]:
        told = Told({name.decode(): note.text if note else None for name, note in units.items()})
        match command:
            case Write():
                if command.note.text == "refuse":
                    raise Refused("No.")
                if command.note.text == "defect":
                    raise ZeroDivisionError
                return Decision(told, dict.fromkeys(units, command.note))
            case Take():
                return Decision(told, dict.fromkeys(units))
            case _:
                return Decision(told)

    def expire(self, unit: Note, now_ms: int) -> Note | None:
        return msgspec.structs.replace(unit, text="once more", wake_ms=now_ms + 1000) if unit.text == "stay" else None
