"""PushSubscription (RFC 8620 7.2): what a user's devices are told of.

The law: they are the user's alone, and what was made with other credentials is not shown (8.6). URL and keys can be set
and are never told. Nothing but its code is pushed before that was told.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from cluster.errors import OverLimit
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Turn
from gateway.push.desk import Desk
from mail.jmap.dates import read_utc_ms, utc_ms
from mail.jmap.errors import SetError, invalid_properties
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked
from mail.jmap.objects.push import PUSH_SUBSCRIPTION
from mail.jmap.subscriptions import (
    CODE_BYTES,
    KIND,
    SUBSCRIPTIONS_MAX,
    Asked,
    Invalid,
    Subscription,
    decode,
    encode,
    extended,
    made,
    told_code,
    types_of,
)

_ID_BYTES: Final = 9


async def get(turn: Turn, asked: standard.Listed) -> Answer:
    """RFC 8620 7.2.1."""
    held = await _held(turn)
    properties = asked.properties if asked.properties is not None else unasked("PushSubscription", turn.using)
    wanted = turn.wanted(asked)
    found = {name: only(_shown(one), properties) for name, one in held.items() if wanted is None or name in wanted}
    answer = got(None, "", found, wanted)
    del answer["state"]  # it has none
    return answer


async def set_(turn: Turn, asked: standard.Changed) -> Answer:
    """RFC 8620 7.2.2."""
    turn.created.need_room(len(asked.create or ()))
    outcome, gone = Outcome(), dict[str, None]()

    async def create(name: str, given: Any) -> dict[str, Any]:
        return await _create(turn, name, given)

    async def update(name: str, patch: Any) -> dict[str, Any] | None:
        return await _update(turn, name, patch)

    async def destroy(name: str, _nothing: None) -> None:
        found = turn.created.find(name) or ""
        if found not in await _held(turn):
            raise SetError("notFound")
        await turn.services.mail.put_objects(turn.account, [(KIND, found, None)])

    await each(asked.create, create, outcome.created, outcome.not_created)
    await each(asked.update, update, outcome.updated, outcome.not_updated)
    await each(dict.fromkeys(asked.destroy or ()), destroy, gone, outcome.not_destroyed)
    outcome.destroyed = list(gone)
    return outcome.answer(None, None, None, turn.created.find)


async def _create(turn: Turn, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    read = PUSH_SUBSCRIPTION.create(given, turn.created, turn.limits)
    desk, now_ms = _desk(turn), turn.services.clock.now_ms()
    keys = read["keys"]
    wanted = Asked(
        read["deviceClientId"],
        read["url"],
        (keys["p256dh"], keys["auth"]) if keys is not None else None,
        _ms(read["expires"]),
        read["types"],
    )
    await _limited(turn, desk)
    number = "P" + turn.services.dice.randbytes(_ID_BYTES).hex()
    try:
        subscription = made(
            wanted,
            number,
            now_ms,
            turn.services.dice.randbytes(CODE_BYTES),
            server_key=await desk.server_key(),
            credential=turn.credential,
        )
    except Invalid as error:
        raise invalid_properties({error.name: error.why}) from None
    await turn.services.mail.put_objects(turn.account, [(KIND, number, encode(subscription))])
    desk.made(turn.account, subscription)
    turn.created.add(name, number)
    told: dict[str, Any] = {"id": number}
    if read["expires"] is None or _ms(read["expires"]) != subscription.expires_ms:
        told["expires"] = utc_ms(subscription.expires_ms)
    if read["keys"] is None and "keys" not in given:
        told |= {"keys": None}
    if "types" not in given:
        told |= {"types": None}
    return told


async def _update(turn: Turn, name: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
    found = turn.created.find(name) or ""
    current = (await _held(turn)).get(found)
    if current is None:
        raise SetError("notFound")
    keys = {"p256dh": current.p256dh, "auth": current.auth} if current.p256dh else None
    shown = {**_shown(current), "url": current.url, "keys": keys}
    changes = PUSH_SUBSCRIPTION.update(shown, patch, turn.created, turn.limits)
    changed = current
    try:
        if "verificationCode" in changes:
            changed = told_code(changed, changes["verificationCode"] or "")
        if "types" in changes:
            changed = replace(changed, types=types_of(changes["types"]))
        if "expires" in changes:
            changed = extended(changed, _ms(changes["expires"]), turn.services.clock.now_ms())
    except Invalid as error:
        raise invalid_properties({error.name: error.why}) from None
    if changed is not current:
        await turn.services.mail.put_objects(turn.account, [(KIND, found, encode(changed))])
    if changed.verified and not current.verified:
        await _desk(turn).verified(turn.account, changed)
    asked_ms = _ms(changes.get("expires"))
    if "expires" in changes and asked_ms != changed.expires_ms:
        return {"expires": utc_ms(changed.expires_ms)}
    return None


async def _limited(turn: Turn, desk: Desk) -> None:
    """Raises SetError."""
    now_ms = turn.services.clock.now_ms()
    held = await _all(turn)
    over = [name for name, one in held.items() if one.expires_ms <= now_ms]
    if over:
        await turn.services.mail.put_objects(turn.account, [(KIND, name, None) for name in over])
    if len(held) - len(over) >= SUBSCRIPTIONS_MAX:
        raise SetError("rateLimit", f"A user may have {SUBSCRIPTIONS_MAX} push subscriptions.")
    try:
        await desk.making(turn.account)
    except OverLimit as error:
        raise SetError("rateLimit", error.says) from None


async def _held(turn: Turn) -> dict[str, Subscription]:
    """Those that were made with these credentials, and have not ended."""
    now_ms, held = turn.services.clock.now_ms(), await _all(turn)
    return {name: one for name, one in held.items() if one.credential == turn.credential and one.expires_ms > now_ms}


async def _all(turn: Turn) -> dict[str, Subscription]:
    stored = await turn.services.mail.objects(turn.account, KIND)
    return {name: one for name, value in stored if (one := decode(value)) is not None}


def _desk(turn: Turn) -> Desk:
    desk = turn.services.desk
    if desk is None:
        raise SetError("forbidden", "This server pushes nothing.")
    return desk


def _shown(one: Subscription) -> dict[str, Any]:
    return {
        "id": one.id,
        "deviceClientId": one.device,
        "verificationCode": None if one.code else one.told,
        "expires": utc_ms(one.expires_ms),
        "types": None if one.types is None else list(one.types),
    }


def _ms(text: str | None) -> int | None:
    return None if text is None else read_utc_ms(text)
