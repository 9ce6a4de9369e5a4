"""Identities: whom one may send as (RFC 8621 6).

The law: each address that is the account's own, or that an alias leads from to it, has one Identity that is made here
and goes with the address; its id comes from the address. What else there is a client has made, of an address that it
may send as; it goes when it may not any more.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from cluster.errors import Stale
from gateway.jmap.positions import check_state
from gateway.jmap.records import NUMBER_BITS, Records, again
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Reached, Turn
from mail.jmap.errors import SetError
from mail.jmap.methods import standard
from mail.jmap.objects.kinds import added, retold
from mail.jmap.objects.mailbox import IDENTITY

KIND: Final = "Identity"
PREFIX: Final = "I"
MADE_MAX: Final = 200  # by clients, besides those of addresses
_VERSION: Final = 1
Addresses = list[dict[str, str | None]]


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """As it is kept. `own`: it goes with the address."""

    version: int
    born: int
    own: bool
    email: str
    name: str = ""
    reply_to: Addresses | None = None
    bcc: Addresses | None = None
    text: str = ""
    html: str = ""


_decoder: Final = msgspec.msgpack.Decoder(Identity)


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 8621 6.1."""
    records = await identities(turn, await turn.owned(asked.account_id))
    found = {name: only(one, asked.properties) for name, one in _shown(records).items()}
    return got(asked.account_id, records.state, found, turn.wanted(asked))


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 8621 6.2."""
    records = await identities(turn, await turn.owned(asked.account_id))
    return await records.changes(asked)


async def set_(turn: Turn, asked: standard.Set) -> Answer:
    """RFC 8621 6.3."""
    reached = await turn.owned(asked.account_id)
    records = await identities(turn, reached)
    old = records.state
    check_state(asked.if_in_state, records.stamp, (await turn.sight(reached)).account.modseq)
    turn.created.need_room(len(asked.create or ()))
    outcome, setter = Outcome(), _Setter(turn, reached, records)
    await each(asked.create, setter.create, outcome.created, outcome.not_created)
    gone = dict.fromkeys(asked.destroy or ())
    setter.leaving = {turn.created.find(name) for name in gone}
    await each(asked.update, setter.update, outcome.updated, outcome.not_updated)
    destroyed: dict[str, Any] = {}
    await each(gone, setter.destroy, destroyed, outcome.not_destroyed)
    outcome.destroyed = list(destroyed)
    return outcome.answer(asked.account_id, old, setter.records.state, turn.created.find)


async def identities(turn: Turn, reached: Reached) -> Records[Identity]:
    """All, in step with the account's addresses. Raises Unavailable."""
    records: Records[Identity] = await again(lambda: _in_step(turn, reached))
    return records


def allows(identity: Identity, address: str) -> bool:
    """Whether an Identity is of this address."""
    return identity.email.lower() == address.lower()


async def _in_step(turn: Turn, reached: Reached) -> Records[Identity]:
    records = Records(turn, reached, KIND, PREFIX, _decoder)
    addresses = {_number_of(one): one for one in await turn.services.directory.addresses_of(reached.number)}
    await records.read()
    wrong: dict[int, Identity | None] = {}
    for number, one in records.all.items():
        if one.own:
            gone = number not in addresses
        else:
            gone = not await _may_send_as(turn, one.email)
        if gone:
            wrong[number] = None
    for number, address in addresses.items():
        if number not in records.all:
            wrong[number] = Identity(_VERSION, records.stamp, own=True, email=address)
    if wrong:
        await records.write(wrong)
    order = {number: place for place, number in enumerate(addresses)}
    records.all = dict(sorted(records.all.items(), key=lambda one: (order.get(one[0], len(order)), one[0])))
    return records


def _number_of(address: str) -> int:
    return int.from_bytes(blake2b(address.encode(), digest_size=NUMBER_BITS // 8).digest(), "big")


async def _may_send_as(turn: Turn, address: str) -> bool:
    return await turn.services.directory.may_send_as(turn.principal, address)


def _shown(records: Records[Identity]) -> dict[str, dict[str, Any]]:
    return {records.id_of(number): _json(records.id_of(number), one) for number, one in records.all.items()}


def _json(name: str, one: Identity) -> dict[str, Any]:
    return {
        "id": name,
        "name": one.name,
        "email": one.email,
        "replyTo": one.reply_to,
        "bcc": one.bcc,
        "textSignature": one.text,
        "htmlSignature": one.html,
        "mayDelete": not one.own,
    }


_FIELDS: Final = {
    "name": "name",
    "replyTo": "reply_to",
    "bcc": "bcc",
    "textSignature": "text",
    "htmlSignature": "html",
}


class _Setter:
    def __init__(self, turn: Turn, reached: Reached, records: Records[Identity]) -> None:
        self.records = records
        self.leaving: set[str | None] = set()
        self._turn = turn
        self._reached = reached

    async def create(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        made = IDENTITY.create(given, self._turn.created, self._turn.limits)
        if not await _may_send_as(self._turn, made["email"]):
            raise SetError("forbiddenFrom", "This is none of your addresses.")
        fields = {field: made[known] for known, field in _FIELDS.items()}

        async def write() -> tuple[int, Identity]:
            records = self.records
            if sum(not one.own for one in records.all.values()) >= MADE_MAX:
                raise SetError("overQuota", f"There may be {MADE_MAX} identities that you made.")
            number = records.fresh()
            one = Identity(_VERSION, records.stamp, own=False, email=made["email"], **fields)
            await self._write(number, one)
            return number, one

        number, one = await again(write)
        known = self.records.id_of(number)
        self._turn.created.add(name, known)
        return added(given, _json(known, one))

    async def update(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
        async def write() -> dict[str, Any] | None:
            number, one = self._find(name)
            if self.records.id_of(number) in self.leaving:
                raise SetError("willDestroy")
            current = _json(self.records.id_of(number), one)
            changed = IDENTITY.update(current, patch, self._turn.created, self._turn.limits)
            if changed:
                await self._write(number, replace(one, **{_FIELDS[known]: value for known, value in changed.items()}))
            return retold(patch, changed)

        return await again(write)

    async def destroy(self, name: str, _value: None) -> None:
        async def write() -> None:
            number, one = self._find(name)
            if one.own:
                raise SetError("forbidden", "It goes with the address.")
            await self._write(number, None)

        await again(write)

    async def _write(self, number: int, one: Identity | None) -> None:
        try:
            await self.records.write({number: one})
        except Stale:
            self.records = await identities(self._turn, self._reached)
            raise

    def _find(self, name: str) -> tuple[int, Identity]:
        number = self.records.number_of(self._turn.created.find(name) or "")
        if number is None:
            raise SetError("notFound")
        return number, self.records.all[number]
