"""actors/mailbox/remote.py, service.py and views.py: what a gateway has of mailboxes whose owners move, die and come
back."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from actors.mailbox import events as ev
from actors.mailbox import keys, renewing, wire
from actors.mailbox.client import MailboxClient
from actors.mailbox.remote import RemoteOwner
from actors.mailbox.service import MailboxService
from actors.mailbox.types import DELETED, INBOX, SEEN, Add, Added, Item, Open, ReadTree, Subscribe
from actors.mailbox.view import Selected
from cluster.errors import Moved, NotFound, Refused, Trouble
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.town import Town, until

RAW = b"Subject: x\r\n\r\n"
ACCOUNT = 5
SLOT = keys.slot_of(ACCOUNT)


@pytest.fixture
async def town(place: Place) -> AsyncIterator[Town]:
    """One shard, which owns all."""
    made = Town(place)
    await made.start("a")
    yield made
    await made.close()


def _nothing() -> None:
    pass


async def _select(client: MailboxClient, name: str = INBOX, *, read_only: bool = False) -> Selected:
    return await client.select(ACCOUNT, name, read_only=read_only, changed=_nothing)


async def _deliver(client: MailboxClient, messages: int = 1) -> None:
    prepared = await client.prepare(RAW)
    for _ in range(messages):
        await client.deliver(ACCOUNT, prepared, idem=b"")


async def test_a_view_far_away_is_as_one_beside_the_shard(town: Town) -> None:
    await _deliver(town.client, 3)
    held = await _select(town.client)
    assert held.recent == {1, 2, 3}
    direct = await town.place.client(town.processes["a"].shard).select(ACCOUNT, INBOX, read_only=True, changed=_nothing)
    await held.set_flags(((2, 2),), "add", SEEN, ("work",))
    await held.copy(((1, 1),), INBOX)
    await held.copy(((3, 3),), "Archive", move=True)
    assert held.view.index.uids.tolist() == [1, 2, 4]
    for name in ("uids", "flags", "modseqs", "emails", "sizes", "dates", "saved"):
        assert getattr(held.view.index, name).tolist() == getattr(direct.view.index, name).tolist()
    assert (held.view.modseq, held.view.keywords) == (direct.view.modseq, ("work",))
    assert await town.client.has_room(ACCOUNT, 10)
    await held.close()
    await direct.close()
    await until(lambda: not town.processes["a"].shard._watchers)


async def test_large_mailboxes_come_in_pieces(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.mailbox.index.PIECE_ROWS", 7)
    await town.client.add(ACCOUNT, INBOX, [Item(await town.client.prepare(RAW), 0)] * 40)
    held = await _select(town.client)
    assert held.view.index.uids.tolist() == list(range(1, 41))


async def test_recent_is_one_sessions_in_the_whole_cluster(town: Town) -> None:
    other = town.gateway()
    await _deliver(town.client)
    watching = await _select(other, read_only=True)
    first = await _select(town.client)
    second = await _select(other)
    assert watching.recent == first.recent == {1}
    assert not second.recent
    await _deliver(other, 2)
    await until(lambda: first.view.index.count == second.view.index.count == 3)
    assert first.recent | second.recent == {1, 2, 3}
    assert not first.recent & second.recent
    assert watching.recent == {1}
    before = set(second.recent)
    await first.close()
    await until(lambda: len(town.processes["a"].shard._watchers._watchers[ACCOUNT, 1]) == 1)
    await _deliver(other)
    await until(lambda: second.view.index.count == 4)
    assert second.recent == before | {4}
    await second.close()  # the one that is left reads only
    await _deliver(other)
    third = await _select(town.client)
    assert third.recent == {5}


async def test_a_move_is_a_pause(town: Town) -> None:
    await town.start("b")
    await _deliver(town.client)
    held = await _select(town.client)
    work = [asyncio.ensure_future(_deliver(town.client)) for _ in range(30)]
    for to in ("b", "a", "b"):
        await asyncio.sleep(0)
        await town.move(ACCOUNT, to)
        await held.set_flags(((1, 1),), "add" if to == "b" else "remove", SEEN)
        assert held.view.index.flags[0] == (SEEN if to == "b" else 0)
    await asyncio.gather(*work)
    await until(lambda: held.view.index.count == 31 and not held.view.lost)
    assert held.recent == set(range(1, 32)), "also what came while nobody told of it"
    tree = await town.client.tree(ACCOUNT)
    assert tree.used_messages == 31


async def test_a_lost_answer_does_not_do_it_twice(town: Town) -> None:
    shard = town.processes["a"].shard
    ask = shard.ask
    asked = 0

    async def deaf(*args, **more):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        reply = await ask(*args, **more)
        if asked == 1:
            raise Moved("lost")
        return reply

    shard.ask = deaf  # type: ignore[method-assign]
    await _deliver(town.client)
    assert asked == 2
    tree = await town.client.tree(ACCOUNT)
    assert tree.used_messages == 1


async def test_the_modseq_of_a_view_is_the_mailboxs(town: Town) -> None:
    """RFC 7162 3.1.2.1, 3.2: annotations are changes of the mailbox, and who has seen what is recent is none."""

    async def modseq(name: str = INBOX) -> int:
        found = (await town.client.tree(ACCOUNT)).find(name)
        assert found is not None
        return found.modseq

    await _deliver(town.client)
    held = await _select(town.client)  # takes what is \Recent, which is an entry of the log
    assert held.view.modseq == await modseq()
    before = held.view.modseq
    await town.client.annotate(ACCOUNT, "", (("/shared/comment", b"of the account"),))
    assert await modseq() == before
    await town.client.annotate(ACCOUNT, INBOX, (("/shared/comment", b"of the mailbox"),))
    await until(lambda: held.view.modseq > before)
    assert held.view.modseq == await modseq()
    assert (await town.client.tree(ACCOUNT)).modseq == held.view.modseq


async def test_who_selects_what_others_have_selected_sees_no_less_than_is_answered(town: Town) -> None:
    await _deliver(town.client)
    held = await _select(town.client)
    changed, loop = held.view.changed, asyncio.get_running_loop()

    def late(*args: Any, mine: bool) -> None:
        loop.call_later(0.01, partial(changed, *args, mine=mine))

    held.view.changed = late  # type: ignore[assignment,method-assign]
    await _deliver(town.gateway())
    assert held.view.index.count == 1
    second = await _select(town.client, read_only=True)
    assert second.view is held.view
    assert second.view.index.count == second.info.messages == 2
    assert second.view.modseq == second.info.modseq


async def test_a_killed_owner_is_followed_by_its_next_start(town: Town) -> None:
    await _deliver(town.client, 3)
    held = await _select(town.client)
    before = held.view.modseq
    dead = town.kill("a")
    await until(lambda: held.view.lost)
    assert held.view.index.count == 3, "sessions go on with what they have"
    # Meanwhile another owner changes all that can change.
    await town.start("a")
    aside = town.gateway()
    there = await _select(aside)
    await there.set_flags(((1, 1),), "add", DELETED)
    await there.expunge()
    await there.set_flags(((2, 2),), "add", SEEN)
    await _deliver(aside)
    await until(lambda: not held.view.lost)
    await until(lambda: held.view.index.uids.tolist() == [2, 3, 4])
    assert held.view.index.flags.tolist() == [SEEN, 0, 0]
    assert held.view.modseq > before
    assert held.view.modseq == there.view.modseq
    with pytest.raises(Trouble):  # what is left of the first start is refused
        await dead.shard.ask(ACCOUNT, Subscribe("x"))


async def test_a_mailbox_that_went_meanwhile_is_gone_and_one_renamed_is_not(town: Town) -> None:
    for name in ("x", "y"):
        await town.client.create(ACCOUNT, name)
    gone, kept = await _select(town.client, "x"), await _select(town.client, "y")
    dead = town.kill("a")
    await until(lambda: gone.view.lost and kept.view.lost)
    town.map.owner = "nobody"
    process = await town.start("b")
    process.script.map = type(town.map)("b", 2)
    shard = process.shard
    direct = town.place.client(shard)
    await direct.delete(ACCOUNT, "x")
    await direct.create(ACCOUNT, "x")
    await direct.rename(ACCOUNT, "y", "z")
    town.map.owner, town.map.epoch = "b", 2
    town.tell()
    await until(lambda: gone.view.gone and not kept.view.lost)
    assert kept.view.name == "z"
    assert not kept.view.gone
    fresh = await _select(town.client, "x")
    assert fresh.view is not gone.view
    assert dead.shard is not shard


async def test_nobody_renews_a_view_that_all_have_left(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewing, "PAUSE_S", 0.001)
    held = await _select(town.client)
    town.kill("a")
    await until(lambda: held.view.lost)
    await held.close()
    await until(lambda: not town.client._views._renewing)
    assert not len(town.client._views)


async def test_a_defect_makes_the_renewal_of_a_view_no_loop_without_pauses(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await _select(town.client)
    asked = 0

    async def broken(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(RemoteOwner, "watch", broken)
        patch.setattr(renewing, "PAUSE_S", 0.001)
        await town.move(ACCOUNT, "a")
        await until(lambda: asked > 3)
        assert len(town.client._views._renewing) == 1
        before = asked
        for _ in range(50):
            await asyncio.sleep(0)
        assert asked - before <= 1
    await until(lambda: not held.view.lost)


async def test_a_watcher_is_encoded_for_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class Outlet:
        def __init__(self) -> None:
            self.bodies: list[bytes] = []
            self.over: Trouble | None = None

        def push(self, body: bytes) -> None:
            self.bodies.append(body)

        def end(self, trouble: Trouble) -> None:
            self.over = trouble

    shard = place.new_owner()
    service = MailboxService(shard)
    outlets = [Outlet() for _ in range(3)]
    for number, outlet in enumerate(outlets):
        watch = wire.Watch(ACCOUNT, b"%016d" % number, INBOX, claims=number > 0)
        first = wire.decode_began(await service.subscribe(SLOT, wire.encode_watch(watch), outlet))
        assert first.opened.info.id == 1
    encoded = 0
    encode = wire.encode_change

    def counting(*args, **more):  # type: ignore[no-untyped-def]
        nonlocal encoded
        encoded += 1
        return encode(*args, **more)

    monkeypatch.setattr(wire, "encode_change", counting)
    client = place.client(shard)
    await client.deliver(ACCOUNT, await client.prepare(RAW))
    assert encoded == 2  # with and without the claim
    told = [wire.decode_change(outlet.bodies[0]) for outlet in outlets]
    assert [mine for _change, mine in told] == [False, True, False]
    assert all(isinstance(change.events[0], ev.MessagesAdded) for change, _mine in told)
    off = wire.AskClaims(ACCOUNT, b"%016d" % 1, on=False)
    await service.call(SLOT, wire.encode_request(off))
    service.unsubscribed(outlets[0])
    await client.deliver(ACCOUNT, await client.prepare(RAW))
    assert [len(outlet.bodies) for outlet in outlets] == [1, 2, 2]
    assert [wire.decode_change(outlet.bodies[-1])[1] for outlet in outlets[1:]] == [False, True]
    await shard.release(SLOT)
    assert isinstance(outlets[1].over, Moved)
    assert service._pushing == {}
    assert service._watches == {}


async def test_a_service_refuses_nonsense(place: Place) -> None:
    service = MailboxService(place.new_owner())
    for slot, body in ((SLOT, b"nonsense"), (SLOT + 1, wire.encode_request(wire.Ask(ACCOUNT, ReadTree())))):
        with pytest.raises(Refused):
            await service.call(slot, body)
    missing = wire.encode_watch(wire.Watch(ACCOUNT, b"0" * 16, "nothing"))
    with pytest.raises(NotFound):
        await service.subscribe(SLOT, missing, None)  # type: ignore[arg-type] # never used
    assert service._pushing == {}


async def test_every_change_has_a_key_of_its_own(town: Town) -> None:
    idems = []
    shard = town.processes["a"].shard
    ask = shard.ask

    async def noting(account, command, idem=b""):  # type: ignore[no-untyped-def]
        idems.append(idem)
        return await ask(account, command, idem)

    shard.ask = noting  # type: ignore[method-assign]
    owner = RemoteOwner(town.router, town.dice)
    item = Item(await town.client.prepare(RAW), 0)
    for command in (Subscribe("a"), Subscribe("b"), Open(INBOX, claim=True), Open(INBOX), ReadTree()):
        await owner.ask(ACCOUNT, command)
    await owner.ask(ACCOUNT, Subscribe("c"), b"given")
    answers = [await owner.ask(ACCOUNT, Add(INBOX, (item,), b"mine")) for _ in range(2)]
    assert isinstance(answers[0], Added)
    assert answers[0] == answers[1]
    assert len({*idems[:3]}) == 3
    assert [len(idem) for idem in idems[:3]] == [16] * 3
    assert idems[3:] == [b"", b"", b"given", b"", b""]
