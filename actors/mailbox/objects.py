"""What a command about an account's objects does: a part of decide.py. Pure.

Objects are what a protocol keeps for an account besides mail: identities, submissions, subscriptions to push. Each is
of a kind, and has an id; its value is for others to read, in a row of its own (keys.py), so that an account in memory
is not larger for them.

The law: as decide.py has it. How many there may be is for who writes them to bound: he reads them all.
"""

from actors.mailbox import events as ev
from actors.mailbox.decision import Context, Decision, chunks
from actors.mailbox.state import Account
from actors.mailbox.types import (
    ADD_BYTES_MAX,
    KIND_BYTES_MAX,
    OBJECT_BYTES_MAX,
    OBJECT_ID_BYTES_MAX,
    OBJECTS_PUT_MAX,
    PutObjects,
)
from cluster.errors import NoRight, OverLimit, Refused, Stale

_IDS_MAX = 200  # of an entry


def put(account: Account, command: PutObjects, _context: Context) -> Decision:
    """Write and remove."""
    if command.who is not None:
        raise NoRight("Only its owner changes what an account keeps.")
    if len(command.changes) > OBJECTS_PUT_MAX:
        raise OverLimit(f"Write at most {OBJECTS_PUT_MAX} objects at once.")
    if sum(len(value or b"") for _kind, _id, value in command.changes) > ADD_BYTES_MAX:
        raise OverLimit("These objects are too large to be written at once.")
    decision = Decision()
    ids: dict[str, dict[str, None]] = {}
    for kind, name, value in command.changes:
        if not 0 < len(kind.encode()) <= KIND_BYTES_MAX or not 0 < len(name.encode()) <= OBJECT_ID_BYTES_MAX:
            raise Refused("This is no name for an object.")
        if "\0" in kind or len(value or b"") > OBJECT_BYTES_MAX:
            raise OverLimit(f"An object may have {OBJECT_BYTES_MAX} bytes.")
        if command.since is not None and account.stamp(kind) > command.since:
            raise Stale("This has changed since.")
        ids.setdefault(kind, {})[name] = None
        decision.objects.append((kind, name, value))
    for kind, names in ids.items():
        decision.events += [(ev.ObjectsChanged(kind, tuple(part)),) for part in chunks(tuple(names), _IDS_MAX)]
    return decision
