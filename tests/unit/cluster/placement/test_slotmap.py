"""The slot map: pages, epochs, and what is stored of it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import Corrupt
from cluster.placement.slotmap import (
    NOTHING,
    PAGE_SLOTS,
    PAGES,
    Assignment,
    SlotMap,
    decode_page,
    encode_page,
    first_epoch,
    page_of,
)
from cluster.placement.slots import SLOTS

SHARDS = st.sampled_from(["mailbox-a-0", "mailbox-b-0", "mailbox-c-1"])
CHANGES = st.dictionaries(st.integers(0, SLOTS - 1), SHARDS, max_size=40)


@settings(deadline=None)
@given(st.lists(CHANGES, max_size=6))
def test_every_assignment_has_a_greater_epoch_and_others_stay(rounds: list[dict[int, str]]) -> None:
    slots = SlotMap()
    for number, owners in enumerate(rounds, 1):
        after = slots.assigned(owners, first_epoch(number))
        for slot, (old, new) in enumerate(zip(slots, after, strict=True)):
            if slot in owners:
                assert new is not None
                assert new.shard == owners[slot]
                assert new.epoch == (old.epoch + 1 if old else number << 32)
            else:
                assert new is old
        slots = after


@settings(deadline=None)
@given(CHANGES)
def test_pages_come_back_as_they_were_stored(owners: dict[int, str]) -> None:
    slots = SlotMap().assigned(owners, first_epoch(7))
    stored = {number: encode_page(number, page) for number, page in enumerate(slots.pages)}
    assert SlotMap.from_pages({number: decode_page(each) for number, each in stored.items()}).pages == slots.pages


def test_replacing_shares_the_pages_that_stay() -> None:
    slots = SlotMap()
    after = slots.replaced({300: Assignment("a", 1), 301: Assignment("b", 1)})
    assert [old is new for old, new in zip(slots.pages, after.pages, strict=True)] == [at != 1 for at in range(PAGES)]
    assert (after[300], after[301], after[302]) == (("a", 1), ("b", 1), None)
    assert slots[300] is None
    assert page_of(300) == 1


def test_a_page_is_readable_and_small() -> None:
    page = tuple(Assignment(f"mailbox-node{slot % 10}-0", first_epoch(12) + slot) for slot in range(PAGE_SLOTS))
    stored = encode_page(3, page)
    assert len(stored) < 6000
    read = json.loads(stored)
    assert read["first"] == 768
    shard, epoch = read["slots"][11]
    assert (read["shards"][shard], epoch) == ("mailbox-node1-0", first_epoch(12) + 11)


def test_what_a_newer_version_adds_is_passed_over() -> None:
    stored = json.loads(encode_page(0, (Assignment("a", 5), *NOTHING[1:])))
    stored["new"] = {"x": 1}
    stored["slots"][0].append("new")
    assert decode_page(json.dumps(stored).encode())[0] == Assignment("a", 5)


@pytest.mark.parametrize(
    "stored",
    [
        b"", b"{", b"\xff", b"[]", b'{"first":0,"shards":[],"slots":[]}',
        b'{"first":0,"shards":["a"],"slots":[' + b",".join([b"[1,5]"] * PAGE_SLOTS) + b"]}",
        b'{"first":0,"shards":["a"],"slots":[' + b",".join([b"[-1,5]"] * PAGE_SLOTS) + b"]}",
        b'{"first":0,"shards":["\xff"],"slots":[' + b",".join([b"null"] * PAGE_SLOTS) + b"]}",
        b'{"first":0,"shards":["a"],"slots":[' + b",".join([b"[0,0]"] * PAGE_SLOTS) + b"]}",
    ],
)  # fmt: skip
def test_what_is_no_page_is_corrupt(stored: bytes) -> None:
    with pytest.raises(Corrupt):
        decode_page(stored)
