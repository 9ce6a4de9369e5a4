"""VacationResponse (RFC 8621 8): there is one, always.

The law: what is told is what deliveries are answered by.
"""

from collections.abc import Mapping
from typing import Any

from gateway.jmap.positions import Position, check_state, state
from gateway.jmap.records import again
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Reached, Turn
from gateway.vacation.record import KIND, SINGLETON, VERSION, Vacation, decode, encode
from mail.jmap.dates import read_utc_ms, utc_ms
from mail.jmap.errors import SetError
from mail.jmap.methods import standard
from mail.jmap.objects.kinds import retold
from mail.jmap.objects.mailbox import VACATION_RESPONSE


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 8621 8.1."""
    reached = await turn.owned(asked.account_id)
    stamp, vacation = await _read(turn, reached)
    found = {SINGLETON: only(_json(vacation), asked.properties)}
    return got(asked.account_id, state(Position(stamp)), found, turn.wanted(asked))


async def set_(turn: Turn, asked: standard.Set) -> Answer:
    """RFC 8621 8.2."""
    reached = await turn.owned(asked.account_id)
    old, _vacation = await _read(turn, reached)
    check_state(asked.if_in_state, old, (await turn.sight(reached)).account.modseq)
    outcome = Outcome()

    async def only_one(_name: str, _value: Any) -> None:
        raise SetError("singleton", "There is one, always.")

    async def update(name: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
        if name != SINGLETON:
            raise SetError("notFound")
        return await again(lambda: _update(turn, reached, patch))

    await each(asked.create, only_one, {}, outcome.not_created)
    await each(asked.update, update, outcome.updated, outcome.not_updated)
    for name in asked.destroy or ():
        error = SetError("singleton", "There is one, always.") if name == SINGLETON else SetError("notFound")
        outcome.not_destroyed[name] = error.json()
    new, _vacation = await _read(turn, reached)
    return outcome.answer(asked.account_id, state(Position(old)), state(Position(new)))


async def _update(turn: Turn, reached: Reached, patch: Mapping[str, Any]) -> dict[str, Any] | None:
    stamp, vacation = await _read(turn, reached)
    current = _json(vacation)
    changed = VACATION_RESPONSE.update(current, patch, turn.created, turn.limits)
    if not changed:
        return None
    whole = current | changed
    made = Vacation(
        VERSION,
        whole["isEnabled"],
        _ms(whole["fromDate"]),
        _ms(whole["toDate"]),
        whole["subject"],
        whole["textBody"],
        whole["htmlBody"],
    )
    await turn.services.mail.put_objects(reached.number, [(KIND, SINGLETON, encode(made))], since=stamp)
    return retold(patch, {name: _json(made)[name] for name in changed})


async def _read(turn: Turn, reached: Reached) -> tuple[int, Vacation]:
    stamp = (await turn.sight(reached)).account.stamp(KIND)
    return stamp, decode(await turn.services.mail.object(reached.number, KIND, SINGLETON))


def _json(vacation: Vacation) -> dict[str, Any]:
    return {
        "id": SINGLETON,
        "isEnabled": vacation.enabled,
        "fromDate": _date(vacation.from_ms),
        "toDate": _date(vacation.to_ms),
        "subject": vacation.subject,
        "textBody": vacation.text,
        "htmlBody": vacation.html,
    }


def _ms(text: str | None) -> int | None:
    return None if text is None else read_utc_ms(text)


def _date(at_ms: int | None) -> str | None:
    return None if at_ms is None else utc_ms(at_ms)
