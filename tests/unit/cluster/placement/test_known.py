"""What is known follows the registry's updates."""

from typing import Any

from msgspec.json import encode

from cluster.membership.members import ControllerState, Drain, Levels, Member, Wanted
from cluster.membership.registry import Entry, Update
from cluster.placement.known import Known
from cluster.placement.slotmap import PAGE_SLOTS, Assignment, Page, encode_page
from tests.unit.cluster.placement.fakes import LAYOUT, member

A, B = member("mailbox-a-0"), member("mailbox-b-0")


def update(values: dict[str, Any], *, reset: bool = False) -> Update:
    """Bytes as they are, None for gone, all else as JSON."""
    entries = {
        key: None if each is None else Entry(each if isinstance(each, bytes) else encode(each), 1, 1)
        for key, each in values.items()
    }
    return Update(1, entries, reset)


def page(shard: str, epoch: int = 1) -> Page:
    return (Assignment(shard, epoch),) * PAGE_SLOTS


def test_an_owner_is_the_living_member_of_the_assigned_name() -> None:
    known = Known(LAYOUT)
    assert known.owner("mailbox", 5) is None
    known.apply(update({LAYOUT.member(A): A, LAYOUT.page("mailbox", 0): encode_page(0, page(A.name))}, reset=True))
    assert known.owner("mailbox", 5) == A
    assert known.owner("mailbox", PAGE_SLOTS) is None
    assert known.owner("queue", 5) is None
    again = member(A.name, incarnation=2)
    known.apply(update({LAYOUT.member(A): again}))
    assert known.owner("mailbox", 5) == again
    known.apply(update({LAYOUT.page("mailbox", 0): encode_page(0, page(B.name, 2))}))
    assert known.owner("mailbox", 5) is None
    known.apply(update({LAYOUT.member(B): B}))
    assert known.owner("mailbox", 5) == B
    known.apply(update({LAYOUT.member(B): None}))
    assert known.owner("mailbox", 5) is None


def test_everything_else_is_there_too() -> None:
    known = Known(LAYOUT)
    gateway = Member("gateway-a", "gateway", "a")
    values = {
        LAYOUT.member(gateway): gateway,
        LAYOUT.leader: A,
        f"{LAYOUT.drains}n1": Drain("me", 5),
        LAYOUT.wanted: Wanted(mailbox=3),
        LAYOUT.controller: ControllerState(done=7),
        LAYOUT.loglevel: Levels("debug"),
    }
    known.apply(update(values, reset=True))
    assert known.gateways == {"gateway-a": gateway}
    assert known.drains == {"n1": Drain("me", 5)}
    assert (known.leader, known.wanted.mailbox, known.controller.done, known.levels.level) == (A, 3, 7, "debug")
    known.apply(update(dict.fromkeys(values)))
    assert (known.gateways, known.drains, known.leader) == ({}, {}, None)
    assert (known.wanted, known.controller, known.levels) == (Wanted(), ControllerState(), Levels())


def test_a_reset_forgets_what_is_not_in_it() -> None:
    known = Known(LAYOUT)
    known.apply(update({LAYOUT.member(A): A, LAYOUT.page("mailbox", 0): encode_page(0, page(A.name))}, reset=True))
    known.apply(update({LAYOUT.member(B): B}, reset=True))
    assert known.shards == {"mailbox": {B.name: B}}
    assert known.slots == {}


def test_what_cannot_be_read_is_not_there_and_stops_nothing() -> None:
    known = Known(LAYOUT)
    known.apply(update({LAYOUT.member(A): A, LAYOUT.page("mailbox", 0): encode_page(0, page(A.name))}, reset=True))
    known.apply(
        update(
            {
                LAYOUT.page("mailbox", 0): b"{}",
                LAYOUT.member(A): b"\xff",
                LAYOUT.leader: b"[]",
                LAYOUT.wanted: b"",
                f"{LAYOUT.slots}mailbox/99": b"{}",
                f"{LAYOUT.root}what-comes-later": b"x",
                LAYOUT.member(B): B,
            }
        )
    )
    assert known.owner("mailbox", 5) is None
    assert known.shards["mailbox"] == {B.name: B}
    assert known.wanted == Wanted()


def test_fields_of_a_newer_version_are_passed_over() -> None:
    known = Known(LAYOUT)
    value = b'{"name":"mailbox-a-0","kind":"mailbox","node":"n","new":[1]}'
    known.apply(update({LAYOUT.member(A): value}, reset=True))
    assert known.shards["mailbox"]["mailbox-a-0"].node == "n"


def test_mappings_are_replaced_never_changed() -> None:
    known = Known(LAYOUT)
    known.apply(update({LAYOUT.member(A): A}, reset=True))
    before = known.shards["mailbox"]
    known.apply(update({f"{LAYOUT.drains}n1": Drain("me", 5)}))
    assert known.shards["mailbox"] is before
    known.apply(update({LAYOUT.member(B): B}))
    assert before == {A.name: A}
