"""What the queue says of submissions: the status of each recipient, and calling mail back.

The law: mail is called back wholly or not at all. All of it is held first, which keeps it from being tried; what is
under way by then, or has left, lets all of it go again. That it was begun is on record before, so a crash between only
leaves it to be finished.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from actors.queue.types import Result, Shown
from cluster.errors import NotFound, Refused
from gateway.jmap.parts import Queue
from gateway.jmap.submission_records import ORDER, Recipient, Status, Submission, with_statuses

SIDE_BY_SIDE: Final = 16
READS_MAX: Final = 500  # entries looked at by one call
STORED: Final = Status("yes", "250 2.1.5 Stored")
QUEUED: Final = Status("queued", "250 2.0.0 Queued")
NOWHERE: Final = Status("unknown", "250 2.0.0 Ok")  # a filter took it
CANCELED: Final = Status("no", "554 5.7.0 Canceled by its sender")
STOPPED: Final = Status("no", "554 5.7.0 Canceled by an administrator")
_BY: Final = "its sender, over JMAP"


def first_status(one: Recipient) -> Status:
    """Of what was queued and stored just now."""
    return QUEUED if one.places else STORED if one.here else NOWHERE


async def looked_up(queue: Queue, submissions: Iterable[Submission]) -> dict[bytes, Shown | None]:
    """Their entries, None of those that the queue does not know; READS_MAX at most. Raises Unavailable."""
    names = dict.fromkeys(entry for one in submissions for entry in one.entries)
    wanted = list(names)[:READS_MAX]
    free = asyncio.Semaphore(SIDE_BY_SIDE)

    async def read(name: bytes) -> Shown | None:
        async with free:
            try:
                return await queue.read(name)
            except NotFound:
                return None

    return dict(zip(wanted, await asyncio.gather(*map(read, wanted)), strict=True))


def in_step(one: Submission, found: Mapping[bytes, Shown | None]) -> Submission:
    """A submission with what the queue says of it now; the same object where that is nothing new."""
    statuses: dict[int, Status] = {}
    relayed = one.relayed
    for place, recipient in enumerate(one.recipients):
        entries = [(one.entries[entry], at) for entry, at in recipient.places]
        if recipient.delivered != "queued" or not all(entry in found for entry, _at in entries):
            continue
        parts = [_status(found[entry], at, one.replies[recipient.reply]) for entry, at in entries]
        relayed = relayed or any(part.delivered in ("yes", "unknown") for part in parts)
        if recipient.here:
            parts.append(STORED)
        new = min(parts, key=lambda part: ORDER.index(part.delivered), default=NOWHERE)
        if (new.delivered, new.reply) != (recipient.delivered, one.replies[recipient.reply]):
            statuses[place] = new
    return with_statuses(one, statuses, relayed=relayed) if statuses or relayed != one.relayed else one


def _status(shown: Shown | None, place: int, before: str) -> Status:
    """Of one recipient of one entry."""
    if shown is None:
        return Status("unknown", before)
    fate = shown.fates[place] if place < len(shown.fates) else None
    result = fate.result if fate is not None else None
    if shown.status == "cancelled" and (result is None or result.outcome == "deferred"):
        return STOPPED
    if result is None:
        return QUEUED
    if result.outcome == "delivered":
        return Status("yes" if result.stored else "unknown", reply_of(result))
    return Status("queued" if result.outcome == "deferred" else "no", reply_of(result))


def reply_of(result: Result) -> str:
    """What the remote server said, on one line (RFC 8621 7)."""
    said = " ".join(result.said.split())
    code = result.code or {"delivered": 250, "deferred": 451, "failed": 554}[result.outcome]
    if said.startswith(str(code)):
        return said
    status = "" if not result.status or said.startswith(result.status) else f"{result.status} "
    return f"{code} {status}{said}".strip()


async def call_back(queue: Queue, one: Submission) -> Submission | None:
    """Cancel all of it; None: it is too late. Raises Unavailable: it may be tried again."""
    held: list[bytes] = []
    for entry in one.entries:
        if not await _held(queue, entry, held):
            for other in held:
                await _let_go(queue, other)
            return None
    for entry in one.entries:
        await queue.cancel(entry, _BY)
    statuses = dict.fromkeys(range(len(one.recipients)), CANCELED)
    return replace(with_statuses(one, statuses, relayed=False), canceled=True, marked_ms=0)


async def _held(queue: Queue, entry: bytes, held: list[bytes]) -> bool:
    """Whether an entry waits, and goes on waiting."""
    try:
        before = await queue.read(entry)
        if before.status == "cancelled" and not _has_left(before):  # by a call like this one, cut short
            return True
        shown = before if before.held else await queue.hold(entry, _BY)
    except (NotFound, Refused):
        return False
    if not before.held:
        held.append(entry)
    return shown.status == "waiting" and not _has_left(shown)


def _has_left(shown: Shown) -> bool:
    return any(fate.result is not None and fate.result.outcome == "delivered" for fate in shown.fates)


async def _let_go(queue: Queue, entry: bytes) -> None:
    try:
        await queue.release(entry, _BY)
    except (NotFound, Refused):  # it has ended meanwhile
        return
