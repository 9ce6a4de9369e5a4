"""Entries as they are stored: one byte for the version, then the entry. Pure.

The law: what the version before wrote is read. That one had no such byte: a row began as a map of MessagePack does,
its recipients were plain texts, and a step told of all of them at once.
"""

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.queue.entry import Condition, Entry
from actors.queue.types import RECIPIENTS_MAX, Envelope, Recipient, Result, Step, Told
from actors.shell.kind import decode_unit, encode
from cluster.errors import Corrupt

VERSION: Final = b"\2"
_MAPS: Final = range(0x80, 0x90)  # the first byte of a small map


class _OldEnvelope(Struct, frozen=True):
    domain: str
    sender: str
    recipients: tuple[str | Recipient, ...]
    digest: bytes
    size: int
    inline: bool = False
    queued_ms: int = 0
    stored_ms: int = 0


class _OldEntry(Struct, frozen=True):
    mail: _OldEnvelope
    base: Condition
    steps: tuple[Step, ...]


_decoder: Final = msgspec.msgpack.Decoder(Entry)
_old: Final = msgspec.msgpack.Decoder(_OldEntry)


def load(stored: bytes) -> Entry:
    """An entry from its row. Raises Corrupt."""
    if stored[:1] == VERSION:
        entry = decode_unit(_decoder, memoryview(stored)[1:])
    elif stored and stored[0] in _MAPS:
        entry = _renewed(decode_unit(_old, stored))
    else:
        raise Corrupt("A stored record is damaged.", log=f"queue entry of version {stored[:1]!r}")
    _check(entry)
    return entry


def store(entry: Entry) -> bytes:
    """The inverse."""
    return VERSION + encode(entry)


def _check(entry: Entry) -> None:
    """What is counted by indices must be there. Raises Corrupt."""
    count = len(entry.mail.recipients)
    base, steps = entry.base, entry.steps
    named = [base.delayed, *(one.recipients for one in base.heard), *(one.recipients for one in base.owed)]
    named += [one.recipients for step in steps for one in step.told]
    named += [one.recipients for step in steps for one in step.owed]
    if not 0 < count <= RECIPIENTS_MAX or any(not 0 <= index < count for indices in named for index in indices):
        raise Corrupt("A stored record is damaged.", log="a queue entry without the recipients that it tells of")


def _renewed(old: _OldEntry) -> Entry:
    fields = {name: getattr(old.mail, name) for name in old.mail.__struct_fields__}
    people = tuple(Recipient(one) if isinstance(one, str) else one for one in old.mail.recipients)
    everyone = tuple(range(len(people)))
    base = old.base
    if base.status in ("delivered", "failed"):
        base = replace(base, heard=(Told(Result(base.status), everyone),))
    if base.status == "lent":
        base = replace(base, lease_ms=base.due_ms)
    return Entry(Envelope(**fields | {"recipients": people}), base, tuple(_step(step, everyone) for step in old.steps))


def _step(step: Step, everyone: tuple[int, ...]) -> Step:
    if step.what not in ("delivered", "deferred", "failed"):
        return step
    return replace(step, said="", told=(Told(Result(step.what, said=step.said), everyone),))
