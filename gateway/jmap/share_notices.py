"""ShareNotification (RFC 9670 3): what others changed of one's rights.

The law: they are made where rights are given (gateway/access/sharing.py), over whatever protocol; who gets them reads
and removes them, and nobody else.
"""

from typing import Any, Final

from msgspec import UNSET

from gateway.access import ids
from gateway.access.sharing import KIND, Notice, read
from gateway.jmap import mailbox_rights, objects, principal_ids, querying
from gateway.jmap.mailboxes import name_of
from gateway.jmap.positions import Position, check_state, state
from gateway.jmap.principals import book_of
from gateway.jmap.session import COLLATIONS
from gateway.jmap.setting import Outcome
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Reached, Turn
from mail.jmap.conditions import Condition, ShareNotificationCondition
from mail.jmap.dates import utc_ms
from mail.jmap.errors import SetError
from mail.jmap.filters import read_filter
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked
from mail.jmap.sorting import read_sort

_TYPE: Final = "Mailbox"  # nothing else is shared
Shown = dict[str, Any]


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 9670 3.3."""
    reached = await turn.owned(asked.account_id)
    position = await _state(turn, reached)
    properties = asked.properties if asked.properties is not None else unasked(KIND, turn.using)
    held = await _held(turn, reached)
    wanted = turn.wanted(asked)
    book = await book_of(turn, asked.account_id)
    found = {}
    for name in held if wanted is None else [name for name in wanted if name in held]:
        shown = _shown(name, held[name])
        changer = await book.find(principal_ids.of_user(held[name].by))
        shown["changedBy"]["principalId"] = changer["id"] if changer is not None else None
        found[name] = only(shown, properties)
    return got(asked.account_id, position, found, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 9670 3.4."""
    reached = await turn.owned(asked.account_id)
    return await objects.changes(turn, reached, asked, KIND, await _held(turn, reached))


async def set_(turn: Turn, asked: standard.Set) -> Answer:
    """RFC 9670 3.5: they can be removed."""
    reached = await turn.owned(asked.account_id)
    account = (await turn.sight(reached)).account
    old = account.stamp(KIND)
    check_state(asked.if_in_state, old, account.modseq)
    forbidden = SetError("forbidden", "Only the server makes and changes these.").json()
    unknown = SetError("notFound").json()
    held = await _held(turn, reached)
    outcome = Outcome(
        not_created=dict.fromkeys(asked.create or (), forbidden),
        not_updated={name: forbidden if name in held else unknown for name in asked.update or ()},
    )
    for name in dict.fromkeys(asked.destroy or ()):
        if name in held:
            outcome.destroyed.append(name)
        else:
            outcome.not_destroyed[name] = unknown
    new = old
    if outcome.destroyed:
        new = await turn.services.mail.put_objects(reached.number, [(KIND, name, None) for name in outcome.destroyed])
    return outcome.answer(asked.account_id, state(Position(old)), state(Position(new)))


async def query(turn: Turn, asked: standard.Query) -> Answer:
    """RFC 9670 3.6."""
    reached = await turn.owned(asked.account_id)
    position = await _state(turn, reached)
    results = querying.Things(await _results(turn, reached, asked))
    return querying.part(asked, position, results, str, turn.created.find)


async def query_changes(turn: Turn, asked: standard.QueryChanges) -> Answer:
    """RFC 9670 3.7."""
    reached = await turn.owned(asked.account_id)
    position = await _state(turn, reached)
    changed = await objects.changed(turn, reached, asked.since_query_state, KIND)
    results = await _results(turn, reached, asked)
    places = querying.places_of(results, changed)
    return querying.changes(asked, position, len(results), places, changed, str)


async def _state(turn: Turn, reached: Reached) -> str:
    return state(Position((await turn.sight(reached)).account.stamp(KIND)))


async def _held(turn: Turn, reached: Reached) -> dict[str, Notice]:
    """The oldest first."""
    stored = await turn.services.mail.objects(reached.number, KIND)
    return {name: read(value) for name, value in sorted(stored)}


def _shown(name: str, notice: Notice) -> Shown:
    return {
        "id": name,
        "created": utc_ms(notice.at_ms),
        "changedBy": {"name": notice.login, "email": notice.login, "principalId": None},
        "objectType": _TYPE,
        "objectAccountId": ids.account_id(notice.account),
        "objectId": ids.mailbox_id(notice.account, notice.mailbox),
        "oldRights": _rights(notice, notice.before),
        "newRights": _rights(notice, notice.after),
        "name": name_of(notice.name),
    }


def _rights(notice: Notice, letters: str) -> dict[str, bool] | None:
    """The mailbox's myRights then."""
    return mailbox_rights.mine(letters, notice.name, shares=True) if letters else None


async def _results(turn: Turn, reached: Reached, asked: standard.Filtered) -> list[str]:
    tree = read_filter(KIND, asked.filter, turn.limits)
    sort = read_sort(KIND, asked.sort, COLLATIONS, turn.limits)
    held = await _held(turn, reached)
    found = [name for name, notice in held.items() if querying.matching(tree, notice, _matches)]
    for comparator in reversed(sort):  # by when they were made, as ids are
        found.sort(reverse=not comparator.is_ascending)
    return found


def _matches(condition: Condition, notice: Notice) -> bool:
    assert isinstance(condition, ShareNotificationCondition)
    at_s = notice.at_ms / 1000
    return (
        (condition.after in (UNSET, None) or at_s >= condition.after)
        and (condition.before in (UNSET, None) or at_s < condition.before)
        and (condition.object_type is UNSET or condition.object_type == _TYPE)
        and (condition.object_account_id is UNSET or condition.object_account_id == ids.account_id(notice.account))
    )
