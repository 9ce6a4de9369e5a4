"""EmailSubmission: what is read of them (RFC 8621 7.1 to 7.4).

The law: before anything is told, what the queue has to say of mail on its way is on record; so is what a crash has left
half done. A state tells of all of that.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from cluster.errors import Trouble
from gateway.jmap import querying
from gateway.jmap.parts import Sending
from gateway.jmap.records import Records, again
from gateway.jmap.session import COLLATIONS
from gateway.jmap.standard import Answer, changes_since, got, only
from gateway.jmap.submission_records import BEGUN, KIND, PREFIX, Submission, decoder, json_of
from gateway.jmap.submission_reports import with_reports
from gateway.jmap.submission_status import call_back, in_step, looked_up
from gateway.jmap.submitting import finish, notes
from gateway.jmap.turn import Reached, Turn
from mail.jmap.conditions import Condition, EmailSubmissionCondition
from mail.jmap.errors import MethodError, SetError
from mail.jmap.filters import read_filter
from mail.jmap.methods import standard
from mail.jmap.sorting import read_sort

UNDER_WAY_MS: Final = 20_000  # what was begun less long ago is being done by who began it
FINISHED_MS: Final = 3_600_000  # and longer ago nobody waits for: it was never acknowledged, and is given up
_KEYS: Final[dict[str, Callable[[Submission], int]]] = {
    "emailId": lambda one: one.email,
    "threadId": lambda one: one.thread,
    "sentAt": lambda one: one.send_ms,
    "sendAt": lambda one: one.send_ms,
}


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 8621 7.1."""
    reached = await turn.owned(asked.account_id)
    records = await submissions(turn, reached)
    wanted = turn.wanted(asked)
    if wanted is None and len(records.all) > turn.limits.objects_get_max:
        raise MethodError("requestTooLarge", "There are too many; name those that are wanted.")
    numbers = records.all if wanted is None else [n for name in wanted if (n := records.number_of(name)) is not None]
    found = {records.id_of(n): json_of(reached, records.id_of(n), records.all[n]) for n in numbers}
    shown = {name: only(one, asked.properties) for name, one in found.items()}
    return got(asked.account_id, records.state, shown, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 8621 7.2."""
    records = await submissions(turn, await turn.owned(asked.account_id))
    return await records.changes(asked)


async def query(turn: Turn, asked: standard.Query) -> Answer:
    """RFC 8621 7.3."""
    reached = await turn.owned(asked.account_id)
    records = await submissions(turn, reached)
    results = querying.Things(_results(turn, reached, records, asked))
    return querying.part(
        asked, records.state, results, records.id_of, lambda name: records.number_of(turn.created.find(name) or "")
    )


async def query_changes(turn: Turn, asked: standard.QueryChanges) -> Answer:
    """RFC 8621 7.4."""
    reached = await turn.owned(asked.account_id)
    records = await submissions(turn, reached)
    changed = records.numbers_in(await changes_since(turn, reached, asked.since_query_state, KIND))
    results = _results(turn, reached, records, asked)
    places = querying.places_of(results, changed)
    return querying.changes(asked, records.state, len(results), places, changed, records.id_of)


async def submissions(turn: Turn, reached: Reached, *, all_begun: bool = False) -> Records[Submission]:
    """All, in step with the queue. `all_begun`: what may be under way still is on record too, for who compares states.
    Raises Unavailable."""
    return await again(lambda: _in_step(turn, reached, 0 if all_begun else UNDER_WAY_MS))


async def _in_step(turn: Turn, reached: Reached, under_way_ms: int) -> Records[Submission]:
    sending = turn.sending
    records = Records(turn, reached, KIND, PREFIX, decoder)
    await records.read()
    await _finish_begun(turn, reached, records, under_way_ms)
    now_ms = turn.services.clock.now_ms()
    open_ = {number: one for number, one in records.all.items() if not one.settled}
    newest = sorted(open_, key=lambda number: open_[number].made_ms, reverse=True)
    found = await looked_up(sending.queue, [open_[number] for number in newest])
    changed: dict[int, Submission | None] = {}
    for number, one in open_.items():
        new = in_step(one, found)
        if one.marked_ms and one.marked_ms + UNDER_WAY_MS < now_ms:
            new = await called_back(sending, new)
        if new is not one:
            changed[number] = new
    also = await with_reports(turn, reached, records, changed)
    if changed or also:
        await records.write(changed, also)
    return records


async def called_back(sending: Sending, one: Submission) -> Submission:
    """What was marked, canceled, or as it was."""
    return await call_back(sending.queue, one) or replace(one, marked_ms=0)


async def _finish_begun(turn: Turn, reached: Reached, records: Records[Submission], under_way_ms: int) -> None:
    """What a crash has left: sent now under the same name, so what was stored is not stored twice."""
    mail, now_ms = turn.services.mail, turn.services.clock.now_ms()
    for number, begun in (await notes(turn, reached)).items():
        if begun.at_ms + under_way_ms > now_ms:
            continue
        if begun.at_ms + FINISHED_MS < now_ms:
            await mail.put_objects(reached.number, [(BEGUN, f"{number:x}", None)])
            continue
        if begun.failed:
            continue
        try:
            await finish(turn, reached, records, number, begun.submission)
        except (SetError, Trouble) as error:
            turn.services.log.warning("jmap.submission_unfinished", id=begun.submission.ident, why=str(error))


def _results(turn: Turn, reached: Reached, records: Records[Submission], asked: standard.Filtered) -> list[int]:
    tree = read_filter("EmailSubmission", asked.filter, turn.limits)
    sort = read_sort("EmailSubmission", asked.sort, COLLATIONS, turn.limits)
    matches = partial(_matches, turn, reached)
    found = [number for number, one in records.all.items() if querying.matching(tree, one, matches)]
    found.sort(key=lambda number: (records.all[number].send_ms, number))
    for comparator in reversed(sort):
        key = _KEYS[comparator.property]
        found.sort(key=lambda number, key=key: key(records.all[number]), reverse=not comparator.is_ascending)  # type: ignore[misc]
    return found


def _matches(turn: Turn, reached: Reached, tree: Condition, one: Submission) -> bool:
    assert isinstance(tree, EmailSubmissionCondition)

    def among(names: Any, own: str) -> bool:
        return names is UNSET or own in {turn.created.find(name) for name in names}

    return (
        among(tree.identity_ids, one.identity)
        and among(tree.email_ids, reached.email_id(one.email))
        and among(tree.thread_ids, reached.thread_id(one.thread))
        and (tree.undo_status is UNSET or tree.undo_status == one.undo)
        and (tree.before is UNSET or one.send_ms < tree.before * 1000)
        and (tree.after is UNSET or one.send_ms >= tree.after * 1000)
    )
