"""/changes of what an account keeps as objects (actors/mailbox/objects.py), which are made and removed, and never
changed.

The law: what is there now was made, if it was written since then; what is not, is told as destroyed. An entry of the
log may be told in pieces.
"""

from collections.abc import Collection

from actors.mailbox import events as ev
from actors.mailbox.events import Entry
from gateway.jmap.positions import Position, state
from gateway.jmap.standard import TOLD_MAX, Answer, entries_since, whole_entries_since
from gateway.jmap.turn import Reached, Turn
from mail.jmap.methods import standard


async def changes(turn: Turn, reached: Reached, asked: standard.Changes, kind: str, there: Collection[str]) -> Answer:
    """The answer to a /changes; `there`: the ids of those that are there now. Raises MethodError."""
    since, until, entries = await entries_since(turn, reached, asked.since_state, kind)
    most = min(asked.max_changes or TOLD_MAX, TOLD_MAX)
    told: dict[str, None] = {}
    end = Position(max(until, since.modseq))
    more = False
    for modseq, entry in entries:
        skipped = since.within if modseq == since.modseq + 1 else 0
        for place, name in enumerate(_names(entry, kind), 1):
            if place <= skipped:
                continue
            if name not in told and len(told) == most:
                end, more = Position(modseq - 1, place - 1), True
                break
            told[name] = None
        if more:
            break
    return {
        "accountId": asked.account_id,
        "oldState": asked.since_state,
        "newState": state(end),
        "hasMoreChanges": more,
        "created": [name for name in told if name in there],
        "updated": [],
        "destroyed": [name for name in told if name not in there],
    }


async def changed(turn: Turn, reached: Reached, since_state: str, kind: str) -> list[str]:
    """The ids of all that were made or removed since a state. Raises MethodError."""
    entries = await whole_entries_since(turn, reached, since_state, kind)
    return list(dict.fromkeys(name for entry in entries for name in _names(entry, kind)))


def _names(entry: Entry, kind: str) -> list[str]:
    found = (event.ids for event in entry.events if isinstance(event, ev.ObjectsChanged) and event.kind == kind)
    return [name for names in found for name in names]
