"""What a queue shard decides: pure.

The law: an entry is lent to one worker at a time. Who reports that a recipient has the mail is believed, however late,
so it is not sent again; any other report counts only from the newest lease. While a notice is owed to the sender the
entry does not end, so no crash loses it. An ended entry is remembered for a while, so that an Enqueue made again does
not queue it again.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from actors.mailbox import keys as mailbox
from actors.mailbox.removal import may_be_gone
from actors.queue import keys, rows
from actors.queue.checks import BY_BYTES_MAX, wrong
from actors.queue.entry import ENDED, HEARD_BYTES_MAX, Condition, Entry, after, cut, destination, fitted
from actors.queue.listing import filter_of, meant, tally
from actors.queue.types import (
    Alter,
    Altered,
    Asked,
    Change,
    Due,
    Enqueue,
    Lent,
    List,
    Listed,
    Notified,
    Outcome,
    Owed,
    Passed,
    Queued,
    Read,
    Report,
    Shown,
    Step,
    Tallied,
    Tally,
    Told,
    What,
    Wish,
    Work,
)
from actors.shell.kind import Decision, Guard, Needs, Timer, decode_command
from actors.shell.places import place_of
from cluster.errors import NotFound, Refused, Trouble, Unavailable

Entries = Mapping[bytes, Entry | None]


class QueueSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Outgoing mail."""

    remember_s: Annotated[
        int, Meta(description="How long an entry can be looked at after it has ended.", ge=600, le=400 * 86_400)
    ] = 7 * 86_400
    sweep_every_s: Annotated[int, Meta(description="How often such entries are removed.", ge=1)] = 600


_commands: Final[msgspec.msgpack.Decoder[Asked]] = msgspec.msgpack.Decoder(Asked)


class Queue:
    """The kind of shard."""

    name = "queue"
    layout = keys.LAYOUT

    def __init__(self, settings: QueueSettings | None = None) -> None:
        self._remember_ms = (settings or QueueSettings()).remember_s * 1000

    def decode(self, slot: int, body: bytes) -> Asked:
        """Raises Refused."""
        command = decode_command(_commands, body)
        if why := wrong(slot, command):
            raise Refused("The queue cannot take this.", log=f"{type(command).__name__} in slot {slot}: {why}")
        return command

    def needs(self, command: Asked) -> Needs:
        """The entry named, those due, or a page."""
        match command:
            case Due():
                return Needs(work_max=command.limit, work_lane=command.lane, work_after=command.after)
            case List() | Alter() | Tally():
                return Needs(after=command.after, page_max=command.limit)
            case Enqueue():
                return Needs((keys.entry_id(command.mail.domain, command.idem),), guard=_guard(command))
            case _:
                return Needs((command.id,))

    def load(self, stored: bytes) -> Entry:
        """Raises Corrupt."""
        return rows.load(stored)

    def store(self, unit: Entry) -> bytes:
        """The inverse."""
        return rows.store(unit)

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
            case Notified():
                return _notified(command, _named(command.id, units), now_ms)
            case Change():
                return self._change(command, _named(command.id, units), now_ms)
            case Read():
                return Decision(_named(command.id, units).shown(command.id, whole=True))
            case List():
                which = filter_of(command)
                found = tuple(one for one in _page(units) if meant(which, one))
                return Decision(Listed(found, max(units, default=b"")))
            case Tally():
                found = tuple(one for one in _page(units) if one.status not in ENDED and meant(command.which, one))
                return Decision(Tallied(tally(found), max(units, default=b"")))
            case Alter():
                return self._alter(command, units, now_ms)

    def _report(self, command: Report, entry: Entry, now_ms: int) -> Decision[Entry]:
        now, count = entry.now, len(entry.mail.recipients)
        if not 0 < command.attempt <= now.attempts:
            raise Refused("There was no such attempt.", log=f"attempt {command.attempt} of {now.attempts}")
        named = [*(one.recipients for one in command.told), *(one.recipients for one in command.owed)]
        if any(index >= count for indices in named for index in indices):
            raise Refused("There is no such recipient.", log=f"{count} recipients of {command.id.hex()}")
        newest = now.status == "lent" and command.attempt == now.attempts
        told = _counting(command.told, now, newest=newest)
        if not told and (command.told or not newest):
            return Decision(entry.shown(command.id))
        step = Step(
            _what(told, tried=command.tried), now_ms, max(command.until_ms, now_ms), command.attempt,
            told=fitted(told, HEARD_BYTES_MAX), owed=_owed(command.owed, told),
        )  # fmt: skip
        if after(now, step, count).status in ENDED:
            step = replace(step, until_ms=now_ms + self._remember_ms)
        return _stepped(command.id, entry, step)

    def _change(self, command: Change, entry: Entry, now_ms: int) -> Decision[Entry]:
        now = entry.now
        if _is_so(entry, now, command, now_ms):
            return Decision(entry.shown(command.id))
        if now.status in ENDED and command.what != "recall":
            raise Refused(f"This mail is {now.status} already.")
        return _stepped(command.id, entry, self._step(command, now_ms))

    def _step(self, wish: Change, now_ms: int) -> Step:
        """What a wish comes to."""
        until_ms = now_ms + self._remember_ms if wish.what == "cancel" else 0
        said = f"{wish.route} {wish.target}" if wish.what == "reroute" else cut(wish.by, BY_BYTES_MAX)
        return Step(_STEP_OF[wish.what], now_ms, until_ms, said=said, value=wish.value)

    def _alter(self, command: Alter, units: Entries, now_ms: int) -> Decision[Entry]:
        """A wish for a page: what it means and has not ended, and is not so already."""
        found = 0
        decision: Decision[Entry] = Decision(Altered(0, 0, 0))
        for name, entry in units.items():
            if entry is None or (now := entry.now).ended or (now.status in ENDED and command.wish.what != "recall"):
                continue
            if not meant(command.which, entry.shown(name)):
                continue
            found += 1
            if not _is_so(entry, now, command.wish, now_ms):
                one = _stepped(name, entry, self._step(command.wish, now_ms))
                decision.changes |= one.changes
                decision.rows |= one.rows
        decision.reply = Altered(len(units), found, len(decision.changes), max(units, default=b""))
        return decision


_STEP_OF: Final[dict[Wish, What]] = {
    "hold": "held",
    "release": "released",
    "cancel": "cancelled",
    "retry": "retried",
    "reroute": "rerouted",
    "expire": "expires",
    "prioritise": "prioritised",
    "recall": "recalled",
}


def _is_so(entry: Entry, now: Condition, wish: Change, now_ms: int) -> bool:
    """Whether there is nothing to do about it."""
    if wish.what == "recall":
        return now.wake_ms != now.lease_ms or now.lease_ms <= now_ms
    if wish.what == "cancel":
        return now.status == "cancelled"
    if now.status in ENDED:
        return False
    match wish.what:
        case "hold" | "release":
            return now.held == (wish.what == "hold")
        case "reroute":
            return (now.route, now.target) == (wish.route, wish.target)
        case "expire":
            return now.expires_ms == wish.value
        case "prioritise":
            return (entry.mail.priority if now.priority is None else now.priority) == wish.value
        case _:
            return now.forced and now.due_ms <= now_ms


def _counting(told: tuple[Told, ...], now: Condition, *, newest: bool) -> tuple[Told, ...]:
    """Of what is reported, what counts: nothing of those that have the mail; all else of the newest lease, of an older
    one only that somebody has it."""
    done = {index for one in now.heard if one.result.outcome == "delivered" for index in one.recipients}
    counting = (one for one in told if newest or one.result.outcome == "delivered")
    left = ((one, tuple(index for index in one.recipients if index not in done)) for one in counting)
    return tuple(Told(one.result, recipients) for one, recipients in left if recipients)


def _what(told: tuple[Told, ...], *, tried: bool) -> What:
    """The word for a report."""
    outcomes: set[Outcome] = {one.result.outcome for one in told}
    if "deferred" in outcomes or not outcomes:
        return "deferred" if tried else "postponed"
    return "failed" if "failed" in outcomes else "delivered"


_FITS: Final[dict[str, Outcome]] = {
    "failure": "failed",
    "delay": "deferred",
    "success": "delivered",
    "relayed": "delivered",
}


def _owed(owed: tuple[Owed, ...], told: tuple[Told, ...]) -> tuple[Owed, ...]:
    """Of the notices, what the results that count leave of them."""
    outcome = {index: one.result.outcome for one in told for index in one.recipients}
    left = (Owed(one.kind, tuple(i for i in one.recipients if outcome.get(i) == _FITS[one.kind])) for one in owed)
    return tuple(one for one in left if one.recipients)


def _notified(command: Notified, entry: Entry, now_ms: int) -> Decision[Entry]:
    if command.owed not in entry.now.owed:
        return Decision(entry.shown(command.id))
    return _stepped(command.id, entry, Step("told", now_ms, said=command.owed.kind, owed=(command.owed,)))


def _named(name: bytes, units: Entries) -> Entry:
    entry = units[name]
    if entry is None:
        raise NotFound("There is no such mail in the queue.", log=f"queue entry {name.hex()}")
    return entry


def _stepped(name: bytes, entry: Entry, step: Step) -> Decision[Entry]:
    """One more step; with the last one the body is let go."""
    then = entry.then(step)
    ended = then.now.ended and not entry.now.ended
    gone = keys.body(name) if entry.mail.inline else keys.blob_ref(entry.mail.digest, name)
    return Decision(then.shown(name), {name: then}, {gone: None} if ended else {})


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
    ready_ms = command.due_ms if command.due_ms > now_ms else 0
    mail = msgspec.structs.replace(command.mail, inline=inline, queued_ms=now_ms, ready_ms=ready_ms)
    steps: tuple[Step, ...] = (Step("queued", now_ms, max(command.due_ms, now_ms)),)
    if command.hold:
        steps = (*steps, Step("held", now_ms, said=command.hold))
    entry = Entry(mail, Condition(), steps)
    body = keys.body(name) if inline else keys.blob_ref(mail.digest, name)
    return Decision(Queued(name), {name: entry}, {body: command.packed or b""})


def _lend(command: Due, units: Entries, now_ms: int) -> Decision[Entry]:
    changes: dict[bytes, Entry | None] = {}
    work: list[Work] = []
    passed: dict[str, Passed] = {}
    place = b""
    lease_ms, busy = now_ms + command.lease_s * 1000, set(command.busy)
    for name, entry in units.items():
        assert entry is not None  # those found are there
        now = entry.now
        # Changed by a command of the same commit: it has its place elsewhere now.
        if now.ended or (now.held and not now.owed) or now.wake_ms > now_ms:
            continue
        place = place_of(now.wake_ms, name)
        where = destination(entry.mail, now.route, now.target)
        if where in busy and not now.owed:
            passed.setdefault(where, Passed(where, place))
            continue
        changes[name] = entry.then(Step("lent", now_ms, lease_ms, now.attempts + 1))
        work.append(entry.work(name, now, lease_ms, now_ms))
    more = (place or command.after or place_of(0)) if len(units) == command.limit else b""
    return Decision(Lent(tuple(work), tuple(passed.values()), more), changes)


def _page(units: Entries) -> list[Shown]:
    return [entry.shown(name) for name, entry in units.items() if entry is not None]
