"""actors/mailbox/keys.py: keys sort as what they stand for, and nothing of one account is in another's ranges."""

from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox import keys
from cluster.meta.store import KEY_BYTES_MAX
from cluster.placement.slots import SLOTS

SLOT = st.integers(0, SLOTS - 1)
ACCOUNT = st.integers(1, 2**63 - 1)
NUMBER = st.integers(0, 2**63 - 1)
SMALL = st.integers(0, 2**32 - 2)
DIGEST = st.binary(min_size=32, max_size=32)


@given(SLOT, ACCOUNT, NUMBER, NUMBER)
def test_log_entries_sort_by_modseq(slot: int, account: int, first: int, second: int) -> None:
    assert (keys.log(slot, account, first) < keys.log(slot, account, second)) == (first < second)
    begin, end = keys.log_after(slot, account, first)
    assert (begin <= keys.log(slot, account, second) < end) == (second > first)


@given(SLOT, ACCOUNT, ACCOUNT, SMALL, SMALL, NUMBER)
def test_ranges_hold_their_own_account_only(
    slot: int, account: int, other: int, box: int, page: int, number: int
) -> None:
    theirs = [
        keys.head_chunk(slot, other, 0),
        keys.log(slot, other, number),
        keys.page(slot, other, box, page),
        keys.message(slot, other, number),
        keys.copies(slot, other, number),
    ]
    spans = [keys.head(slot, account), keys.log_after(slot, account, 0), keys.pages(slot, account, box)]
    inside = [key for key in theirs for begin, end in spans if begin <= key < end]
    expected = 3 - (number == 0) if account == other else 0  # head, log (above 0) and page
    assert len(inside) == expected


@given(DIGEST, ACCOUNT, NUMBER)
def test_references_are_apart_from_blob_and_note(digest: bytes, account: int, email: int) -> None:
    begin, end = keys.blob_refs(digest)
    assert begin <= keys.blob_ref(digest, account, email) < end
    assert keys.blob(digest) < begin
    assert keys.blob_removed(digest) >= end


@given(SLOT, NUMBER, ACCOUNT, NUMBER, NUMBER)
def test_garbage_sorts_by_time_and_tells_its_account(slot: int, time: int, account: int, modseq: int, now: int) -> None:
    key = keys.garbage(slot, time, account, modseq, 3)
    begin, end = keys.garbage_before(slot, now)
    assert (begin <= key < end) == (time < now)
    assert keys.garbage_account(key) == account
    assert len(key) <= KEY_BYTES_MAX


@given(NUMBER, DIGEST)
def test_removals_tell_their_digest(time: int, digest: bytes) -> None:
    assert keys.removed_digest(keys.removed(time, digest)) == digest


def test_slots_are_for_ever() -> None:
    """Accounts hash to slots with what is stored already: these numbers must never change."""
    assert [keys.slot_of(account) for account in (1, 2, 3, 2**62)] == [4095, 3653, 3795, 3460]
