"""What the standard methods of all types have in common (RFC 8620 5).

The law: an answer names each id that was asked for once, found or not. What `/changes` tells is a range of the log,
read in bounded pieces; where that is not possible it says so.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from actors.mailbox.changes import Changes, Told
from actors.mailbox.events import Entry
from actors.mailbox.sight import sight_of
from gateway.jmap.positions import Position, read_state, state
from gateway.jmap.turn import Reached, Turn
from mail.jmap.errors import MethodError
from mail.jmap.methods import standard

CHANGES_MAX: Final = 50_000  # entries of the log that are looked through: some 100 ms for each 5000
TOLD_MAX: Final = 5000  # things told at once, where the client does not say less

Answer = dict[str, Any]


def got(account_id: str | None, position: str, found: Mapping[str, Any], wanted: Iterable[str] | None) -> Answer:
    """The answer to a /get: `found` by id; `wanted`: the ids asked for, None: all there are."""
    answer: Answer = {"accountId": account_id} if account_id is not None else {}
    answer["state"] = position
    if wanted is None:
        answer["list"] = list(found.values())
        answer["notFound"] = []
    else:
        names = list(dict.fromkeys(wanted))
        answer["list"] = [found[name] for name in names if name in found]
        answer["notFound"] = [name for name in names if name not in found]
    return answer


def only(thing: Mapping[str, Any], properties: Iterable[str] | None) -> dict[str, Any]:
    """An object's properties that were asked for; its id always (RFC 8620 5.1)."""
    if properties is None:
        return dict(thing)
    return {"id": thing["id"], **{name: thing[name] for name in properties if name in thing}}


async def changed(
    turn: Turn,
    reached: Reached,
    asked: standard.Changes,
    kind: str,
    tell: Callable[[Changes], Told],
    name: Callable[[int], str],
) -> tuple[Answer, Changes]:
    """The answer to a /changes of things with numbers."""
    since, until, entries = await entries_since(turn, reached, asked.since_state, kind)
    mirror = await turn.services.mail.mirror(reached.number)
    most = min(asked.max_changes or TOLD_MAX, TOLD_MAX)
    sight = sight_of(mirror, reached.who)

    def of(count: int) -> Changes:
        changes, later = Changes(sight), Changes(sight)
        for place, (_modseq, entry) in enumerate(entries):
            (changes if place < count else later).fold(entry)
        changes.before(later)
        _check_known(changes, kind)
        return changes

    count = len(entries)
    if since.within:
        count = min(count, 1)
    changes = of(count)
    told = _after(tell(changes), since.within)
    if _size(told) > most and count > 1:
        count = _as_many(lambda some: _size(tell(of(some))) <= most, count)
        changes = of(count)
        told = tell(changes)
    end = Position(entries[count - 1][0]) if count < len(entries) else Position(max(until, since.modseq))
    if _size(told) > most:  # of one entry
        numbers = sorted(number for part in told for number in part)[:most]
        told = Told(*[[number for number in part if number <= numbers[-1]] for part in told])
        end = Position(entries[0][0] - 1, numbers[-1])
    answer = {
        "accountId": asked.account_id,
        "oldState": asked.since_state,
        "newState": state(end),
        "hasMoreChanges": count < len(entries) or bool(end.within),
        "created": [name(number) for number in told.created],
        "updated": [name(number) for number in told.updated],
        "destroyed": [name(number) for number in told.destroyed],
    }
    return answer, changes


async def changes_since(turn: Turn, reached: Reached, since_state: str, *kinds: str) -> Changes:
    """All that changed since a state, for who sees the account now: not to be kept over an await. `kinds`: the state
    is that of the last change of any of these. Raises MethodError."""
    entries = await whole_entries_since(turn, reached, since_state, *kinds)
    changes = Changes(sight_of(await turn.services.mail.mirror(reached.number), reached.who))
    for entry in entries:
        changes.fold(entry)
    _check_known(changes, *kinds)
    return changes


def _check_known(changes: Changes, *kinds: str) -> None:
    """Raises MethodError."""
    if any(changes.unknown_mailboxes if kind == "Mailbox" else changes.unknown for kind in kinds):
        raise MethodError("cannotCalculateChanges", "What was shared has changed.")


async def entries_since(
    turn: Turn, reached: Reached, since_state: str, *kinds: str
) -> tuple[Position, int, list[tuple[int, Entry]]]:
    """What has happened since a state, up to the last change of a kind. Raises MethodError."""
    mirror = await turn.services.mail.mirror(reached.number)
    since = read_state(since_state, mirror.account.modseq)
    until = max(map(mirror.account.stamp, kinds))
    if until - since.modseq > CHANGES_MAX:
        raise MethodError("cannotCalculateChanges", "Too much has happened since.")
    entries: list[tuple[int, Entry]] = []
    if until > since.modseq:
        async for page in turn.services.mail.log(reached.number, since.modseq, until):
            entries += page
        if len(entries) != until - since.modseq:
            raise MethodError("cannotCalculateChanges", "Not all that has happened since is known.")
    return since, until, entries


async def whole_entries_since(turn: Turn, reached: Reached, since_state: str, *kinds: str) -> list[Entry]:
    """The same, for what cannot go on within an entry. Raises MethodError."""
    since, _until, entries = await entries_since(turn, reached, since_state, *kinds)
    if since.within:
        raise MethodError("cannotCalculateChanges", "This state is one that /changes has told a part up to.")
    return [entry for _modseq, entry in entries]


def _as_many(fits: Callable[[int], bool], count: int) -> int:
    """How many entries are told at once: at least one, else as many as fit."""
    low, high = 1, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _after(told: Told, within: int) -> Told:
    return Told(*[[number for number in part if number > within] for part in told]) if within else told


def _size(told: Told) -> int:
    return sum(map(len, told))
