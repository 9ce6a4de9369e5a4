"""A note as stored, and its bounds: pure.

The law: whatever it is given, what it stores fits a row, and says so where something was left out.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from actors.trace.types import ADDRESSES_MAX, FACTS_MAX, Fact, Note
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt
from cluster.meta.store import VALUE_BYTES_MAX

TEXT_CHARS_MAX: Final = 2000  # of one text in a fact: a long DNS record
ITEMS_MAX: Final = 60  # of one list or table in a fact
DEPTH_MAX: Final = 4
NOTE_BYTES_MAX: Final = 64 * 1024  # before packing
PACKED_FROM_BYTES: Final = 2 * 1024  # smaller ones are kept as they are: packing costs more than all else of a note
FORMAT: Final = b"\1"  # packed
PLAIN: Final = b"\2"

_PLAIN: Final = frozenset({int, float, bool, type(None)})
_CONTAINERS: Final = frozenset({list, tuple, dict})
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Note)


def stored(note: Note) -> bytes:
    """A note as a row."""
    note = bounded(note)
    data = _encode(note)
    facts = len(note.facts)
    while len(data) > NOTE_BYTES_MAX and facts:
        facts //= 2
        left_out = Fact("left out", of={"facts": len(note.facts) - facts})
        data = _encode(replace(note, facts=(*note.facts[:facts], left_out)))
    row = PLAIN + data if len(data) < PACKED_FROM_BYTES else FORMAT + pack(data)
    assert len(row) <= VALUE_BYTES_MAX
    return row


def read(row: bytes) -> Note:
    """The inverse. Raises Corrupt."""
    if row[:1] not in (FORMAT, PLAIN):
        raise Corrupt("A trace is of another version.", log=f"trace version {row[:1]!r}")
    try:
        return _decoder.decode(row[1:] if row[:1] == PLAIN else unpack(row[1:]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt("A trace is damaged.", log=f"a trace of {len(row)} bytes: {error}") from error


def bounded(note: Note) -> Note:
    """The note with nothing over its bounds: nearly always itself."""
    facts = note.facts
    if len(facts) > FACTS_MAX:
        facts = (*facts[: FACTS_MAX - 1], Fact("left out", of={"facts": len(facts) - FACTS_MAX + 1}))
    if not all(_fits(fact.of, DEPTH_MAX) for fact in facts):
        facts = tuple([replace(fact, of=_cut(fact.of, DEPTH_MAX)) for fact in facts])
    recipients, queue_ids = note.recipients[:ADDRESSES_MAX], note.queue_ids[:ADDRESSES_MAX]
    if facts is note.facts and recipients is note.recipients and queue_ids is note.queue_ids:
        return note
    return replace(note, facts=facts, recipients=recipients, queue_ids=queue_ids)


def _fits(value: Any, depth: int) -> bool:
    """Whether there is nothing for `_cut` to do; looking costs a fifth of copying. Depth is bounded, as there."""
    kind = type(value)
    if kind is str:
        return len(value) <= TEXT_CHARS_MAX and value.isascii()
    if kind in _PLAIN:
        return True
    if not depth or kind not in _CONTAINERS or len(value) > ITEMS_MAX:
        return False
    if kind is dict:
        for key in value:
            if type(key) is not str or len(key) > TEXT_CHARS_MAX:
                return False
        value = value.values()
    depth -= 1
    return all([_fits(item, depth) for item in value])  # noqa: C419 - a generator would cost as much as all the rest


def _cut(value: Any, depth: int) -> Any:
    match value:
        case str():
            text = value if len(value) <= TEXT_CHARS_MAX else value[:TEXT_CHARS_MAX] + "…"
            return text.encode("utf-8", "replace").decode()
        case bytes():
            return _cut(value.decode("utf-8", "replace"), depth)
        case dict():
            pairs = list(value.items())[:ITEMS_MAX] if depth else []
            return {str(key)[:TEXT_CHARS_MAX]: _cut(item, depth - 1) for key, item in pairs}
        case list() | tuple() | set() | frozenset():
            return [_cut(item, depth - 1) for item in list(value)[:ITEMS_MAX]] if depth else []
        case bool() | int() | float() | None:
            return value
        case _:
            return _cut(str(value), depth)
