"""The maps in the registry: written only as they were read, and only while leading."""

import pytest
from msgspec.json import encode

from cluster.errors import Unavailable
from cluster.membership.memory import MemoryRegistry
from cluster.membership.registry import CHANGES_MAX, Compare
from cluster.meta.memory import MemoryStore
from cluster.placement.claims import next_incarnation
from cluster.placement.pages import Pages
from cluster.placement.slotmap import Assignment, first_epoch
from cluster.placement.slots import SLOTS
from tests.unit.cluster.placement.fakes import LAYOUT, announce, leave, member, run, server


async def lead(registry: MemoryRegistry, store: MemoryStore) -> Pages:
    """The pages of a new leader."""
    revision = await registry.change({LAYOUT.leader: encode(member("controller-1"))})
    assert revision
    pages = Pages(registry, LAYOUT, store, Compare(LAYOUT.leader, revision))
    await pages.load()
    return pages


async def begun() -> tuple[MemoryRegistry, MemoryStore, Pages]:
    machine, clock = server()
    registry, store = machine.connect(clock), MemoryStore()
    return registry, store, await lead(registry, store)


def test_all_kinds_are_assigned_in_one_change() -> None:
    async def scenario() -> None:
        registry, store, pages = await begun()
        before = registry.server.revision
        all_slots = dict.fromkeys(range(SLOTS), "x-0")
        assert await pages.assign({"mailbox": all_slots, "queue": all_slots, "reputation": all_slots})
        assert registry.server.revision == before + 1 == pages.newest
        again = await lead(registry, store)
        assert again.maps["queue"][4095] == Assignment("x-0", first_epoch(1))
        assert again.maps["greylist"][0] is None

    run(scenario())


def test_a_map_made_anew_begins_above_all_epochs_there_were() -> None:
    async def scenario() -> None:
        registry, store, pages = await begun()
        for _ in range(3):
            await next_incarnation(store)
        await pages.assign({"mailbox": {5: "a"}})
        await pages.assign({"mailbox": {5: "b"}})
        assert pages.maps["mailbox"][5] == Assignment("b", first_epoch(4) + 1)
        await registry.change({}, deletes=[LAYOUT.page("mailbox", 0)])
        pages = await lead(registry, store)
        await pages.assign({"mailbox": {5: "c"}})
        assert pages.maps["mailbox"][5] == Assignment("c", first_epoch(5))
        await registry.change({LAYOUT.page("mailbox", 0): b"spoilt"})
        pages = await lead(registry, store)
        await pages.assign({"mailbox": {5: "d"}})
        assert pages.maps["mailbox"][5] == Assignment("d", first_epoch(6))

    run(scenario())


def test_who_leads_no_more_writes_nothing() -> None:
    async def scenario() -> None:
        registry, store, old = await begun()
        assert await old.assign({"mailbox": {5: "a"}})
        new = await lead(registry, store)
        assert not await old.assign({"mailbox": {5: "b"}})
        assert not old.fresh
        await new.load()
        assert new.maps["mailbox"][5] == Assignment("a", first_epoch(1))

    run(scenario())


def test_who_is_back_loses_nothing_to_a_failover() -> None:
    async def scenario() -> None:
        registry, _, pages = await begun()
        assert await pages.assign({"mailbox": {5: "mailbox-a"}})
        await announce(registry, member("mailbox-a"))
        assert not await pages.assign({"mailbox": {5: "mailbox-b"}}, [("mailbox", "mailbox-a")])
        await leave(registry, member("mailbox-a"))
        await pages.load()
        assert await pages.assign({"mailbox": {5: "mailbox-b"}}, [("mailbox", "mailbox-a")])

    run(scenario())


def test_a_page_that_changed_is_not_overwritten() -> None:
    async def scenario() -> None:
        registry, _store, pages = await begun()
        await pages.assign({"mailbox": {5: "a"}})
        entry = await registry.get(LAYOUT.page("mailbox", 0))
        assert entry
        await registry.change({LAYOUT.page("mailbox", 0): entry.value})
        assert not await pages.assign({"mailbox": {6: "b"}})
        await pages.load()
        assert await pages.assign({"mailbox": {6: "b"}})

    run(scenario())


def test_after_an_unknown_outcome_all_is_read_again() -> None:
    async def scenario() -> None:
        registry, _store, pages = await begun()
        registry.lose_answer = True
        with pytest.raises(Unavailable):
            await pages.assign({"mailbox": {5: "a"}})
        assert not pages.fresh
        await pages.load()
        assert pages.fresh
        assert pages.maps["mailbox"][5] == Assignment("a", first_epoch(1))

    run(scenario())


def test_what_is_too_large_for_one_change_goes_in_several() -> None:
    async def scenario() -> None:
        registry, store, pages = await begun()
        # Every slot at a shard of its own, with a long name: more than a change may hold.
        owners = {slot: f"mailbox-{slot:0>200}-0" for slot in range(SLOTS)}
        before = registry.server.revision
        assert await pages.assign({"mailbox": owners, "queue": owners})
        assert 1 < registry.server.revision - before < CHANGES_MAX
        again = await lead(registry, store)
        assert again.maps["queue"].pages == pages.maps["queue"].pages == pages.maps["mailbox"].pages

    run(scenario())
