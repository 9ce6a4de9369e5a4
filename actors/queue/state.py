"""What a queue shard decides: pure.

The law: an entry is lent to one worker at a time. Who reports that it was delivered is believed, however late, so it is
not sent again; any other report counts only from the newest lease. An ended entry is remembered for a while, so that an
Enqueue made again does not queue it again.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from actors.mailbox import keys as mailbox
from actors.mailbox.removal import may_be_gone
from actors.queue import keys
from actors.queue.entry import Condition, Entry
from actors.queue.types import (
    ADDRESS_BYTES_MAX,
    DOMAIN_BYTES_MAX,
    DUE_MAX,
    IDEM_BYTES_MAX,
    INLINE_BYTES_MAX,
    LEASE_S_MAX,
    PAGE_MAX,
    RECIPIENTS_BYTES_MAX,
    RECIPIENTS_MAX,
    SAID_BYTES_MAX,
    Asked,
    Change,
    Due,
    Enqueue,
    Lent,
    List,
    Listed,
    Queued,
    Read,
    Report,
    Step,
    What,
    Work,
)
from actors.shell.keys import TIME_MAX
from actors.shell.kind import Decision, Guard, Needs, Timer, decode_command, decode_unit, encode
from cluster.blobs.blobs import DIGEST_BYTES
from cluster.errors import NotFound, Refused, Trouble, Unavailable

Entries = Mapping[bytes, Entry | None]


class QueueSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Outgoing mail."""

    remember_s: Annotated[
        int, Meta(description="How long an entry can be looked at after it has ended.", ge=600, le=400 * 86_400)
    ] = 7 * 86_400
    sweep_every_s: Annotated[int, Meta(description="How often such entries are removed.", ge=1)] = 600


_commands: Final[msgspec.msgpack.Decoder[Asked]] = msgspec.msgpack.Decoder(Asked)
_units: Final = msgspec.msgpack.Decoder(Entry)


class Queue:
    """The kind of shard."""

    name = "queue"
    layout = keys.LAYOUT

    def __init__(self, settings: QueueSettings | None = None) -> None:
        self._remember_ms = (settings or QueueSettings()).remember_s * 1000

    def decode(self, slot: int, body: bytes) -> Asked:
        """Raises Refused."""
        command = decode_command(_commands, body)
        if why := _wrong(slot, command):
            raise Refused("The queue cannot take this.", log=f"{type(command).__name__} in slot {slot}: {why}")
        return command

    def needs(self, command: Asked) -> Needs:
        """The entry named, those due, or a page."""
        match command:
            case Due():
                return Needs(work_max=command.limit)
            case List():
                return Needs(after=command.after, page_max=command.limit)
            case Enqueue():
                return Needs((keys.entry_id(command.mail.domain, command.idem),), guard=_guard(command))
            case _:
                return Needs((command.id,))

    def load(self, stored: bytes) -> Entry:
        """Raises Corrupt."""
        return decode_unit(_units, stored)

    def store(self, unit: Entry) -> bytes:
        """The inverse."""
        return encode(unit)

    def timer(self, unit: Entry) -> Timer | None:
        """When it is due, or forgotten."""
        return unit.timer()

    def expire(self, unit: Entry, now_ms: int) -> Entry | None:  # noqa: ARG002 (Kind's signature)
        """Ended entries go."""
        return None

    def decide(self, slot: int, command: Asked, units: Entries, now_ms: int) -> Decision[Entry]:  # noqa: ARG002
        """Raises NotFound, Refused."""
        match command:
            case Enqueue():
                return _enqueue(command, units, now_ms)
            case Due():
                return _lend(command, units, now_ms)
            case Report():
                return self._report(command, _named(command.id, units), now_ms)
            case Change():
                return self._change(command, _named(command.id, units), now_ms)
            case Read():
                return Decision(_named(command.id, units).shown(command.id, whole=True))
            case List():
                return _list(command, units)

    def _report(self, command: Report, entry: Entry, now_ms: int) -> Decision[Entry]:
        now = entry.now
        if not 0 < command.attempt <= now.attempts:
            raise Refused("There was no such attempt.", log=f"attempt {command.attempt} of {now.attempts}")
        newest = now.status == "lent" and command.attempt == now.attempts
        if now.status == "delivered" or not (newest or command.outcome == "delivered"):
            return Decision(entry.shown(command.id))
        until_ms = command.until_ms if command.outcome == "deferred" else now_ms + self._remember_ms
        step = Step(command.outcome, now_ms, until_ms, command.attempt, _cut(command.said))
        return _stepped(command.id, entry, step)

    def _change(self, command: Change, entry: Entry, now_ms: int) -> Decision[Entry]:
        now = entry.now
        what = _STEP_OF[command.what]
        if _is_so(now, what):
            return Decision(entry.shown(command.id))
        if now.ended:
            raise Refused(f"This mail is {now.status} already.")
        until_ms = now_ms + self._remember_ms if what == "cancelled" else 0
        return _stepped(command.id, entry, Step(what, now_ms, until_ms, said=_cut(command.by)))


_STEP_OF: Final[dict[str, What]] = {"hold": "held", "release": "released", "cancel": "cancelled"}


def _is_so(now: Condition, what: What) -> bool:
    if what == "cancelled":
        return now.status == "cancelled"
    return not now.ended and now.held == (what == "held")


def _named(name: bytes, units: Entries) -> Entry:
    entry = units[name]
    if entry is None:
        raise NotFound("There is no such mail in the queue.", log=f"queue entry {name.hex()}")
    return entry


def _stepped(name: bytes, entry: Entry, step: Step) -> Decision[Entry]:
    """One more step; with the last one the body is let go."""
    after = entry.then(step)
    ended = after.now.ended and not entry.now.ended
    gone = keys.body(name) if entry.mail.inline else keys.blob_ref(entry.mail.digest, name)
    return Decision(after.shown(name), {name: after}, {gone: None} if ended else {})


def _guard(command: Enqueue) -> Guard | None:
    """A large body was stored before its Enqueue came; the mailboxes' sweeper may have taken it since."""
    if command.packed is not None:
        return None
    stored_ms = command.mail.stored_ms

    def why(note: bytes | None) -> Trouble | None:
        if not may_be_gone(note, stored_ms):
            return None
        return Unavailable("The message has to be sent again.", log="blob was swept before its commit")

    return Guard(mailbox.blob_removed(command.mail.digest), why)


def _enqueue(command: Enqueue, units: Entries, now_ms: int) -> Decision[Entry]:
    (name,) = units
    if units[name] is not None:
        return Decision(Queued(name, again=True))
    inline = command.packed is not None
    mail = msgspec.structs.replace(command.mail, inline=inline, queued_ms=now_ms)
    entry = Entry(mail, Condition(), (Step("queued", now_ms, command.due_ms or now_ms),))
    body = keys.body(name) if inline else keys.blob_ref(mail.digest, name)
    return Decision(Queued(name), {name: entry}, {body: command.packed or b""})


def _lend(command: Due, units: Entries, now_ms: int) -> Decision[Entry]:
    changes: dict[bytes, Entry | None] = {}
    work: list[Work] = []
    lease_ms = now_ms + command.lease_s * 1000
    for name, entry in units.items():
        assert entry is not None  # those found are there
        now = entry.now
        if now.ended or now.held or now.due_ms > now_ms:  # changed by a command of the same commit
            continue
        attempt = now.attempts + 1
        changes[name] = entry.then(Step("lent", now_ms, lease_ms, attempt))
        work.append(Work(name, attempt, lease_ms, entry.mail))
    return Decision(Lent(tuple(work)), changes)


def _list(command: List, units: Entries) -> Decision[Entry]:
    shown = [entry.shown(name) for name, entry in units.items() if entry is not None]
    found = tuple(
        one for one in shown
        if command.domain in ("", one.mail.domain) and command.status in ("", one.status)
    )  # fmt: skip
    return Decision(Listed(found, max(units, default=b"")))


def _cut(said: str) -> str:
    return said.encode("utf-8", "replace")[:SAID_BYTES_MAX].decode("utf-8", "ignore")


def _wrong(slot: int, command: Asked) -> str:
    """What is wrong with a command; empty for nothing."""
    match command:
        case Enqueue():
            return _wrong_mail(slot, command)
        case Due():
            return "" if 0 < command.limit <= DUE_MAX and 0 < command.lease_s <= LEASE_S_MAX else "limit or lease"
        case List():
            own = not command.after or _is_id(slot, command.after)
            return "" if 0 < command.limit <= PAGE_MAX and own else "limit or position"
        case Report() if not 0 <= command.until_ms < TIME_MAX:
            return "time"
        case _:
            return "" if _is_id(slot, command.id) else "id"


def _is_id(slot: int, name: bytes) -> bool:
    return len(name) == keys.ID_BYTES and keys.slot_of_id(name) == slot


def _wrong_mail(slot: int, command: Enqueue) -> str:
    mail = command.mail
    sizes = [len(address.encode()) for address in (mail.sender, *(one.address for one in mail.recipients))]
    checks = {
        "domain": 0 < len(mail.domain.encode()) <= DOMAIN_BYTES_MAX and keys.slot_of(mail.domain) == slot,
        "recipients": 0 < len(mail.recipients) <= RECIPIENTS_MAX and sum(sizes) <= RECIPIENTS_BYTES_MAX,
        "address": max(sizes) <= ADDRESS_BYTES_MAX,
        "digest": len(mail.digest) == DIGEST_BYTES,
        "idem": 0 < len(command.idem) <= IDEM_BYTES_MAX,
        "time": 0 <= command.due_ms < TIME_MAX,
        "body": len(command.packed or b"") <= INLINE_BYTES_MAX,
        "size": 0 <= mail.size < TIME_MAX,
    }
    return next((what for what, right in checks.items() if not right), "")
