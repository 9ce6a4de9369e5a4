"""The sequence map's arithmetic, against the slow and obvious way."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.mailbox.recent import Recent
from gateway.imap.flagnames import RECENT_BIT, FlagNames, split_flags
from gateway.imap.parts import Place
from gateway.imap.selected import Selection, _missing
from mail.imap.seqset import STAR, SequenceSet
from tests.unit.gateway.imap.world import ALICE, World, message

_UIDS = st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=60).map(sorted)


@given(_UIDS, st.data(), st.sampled_from([0, 3, 200]))
def test_missing_rows_are_found(uids: list[int], data: st.DataObject, few: int) -> None:
    kept = [data.draw(st.booleans()) for _ in uids]
    known = np.array(uids, np.uint32)
    gone = _missing(known, known[np.array(kept, bool)], few)
    assert gone == [row for row, keep in enumerate(kept) if not keep]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=4))
async def test_sets_name_rows(pairs: list[tuple[int, int]]) -> None:
    async with World() as world:
        for number in range(8):
            await world.deliver(message(f"m{number}"))
        hold = await world.mail.select(ALICE, "INBOX", read_only=False, changed=lambda: None)
        await hold.set_flags(((2, 3), (6, 6)), "add", 8)
        await hold.expunge()
        selection = Selection(hold, Place(ALICE, "INBOX"))
        uids = selection.uids.tolist()
        assert uids == [1, 4, 5, 7, 8]
        messages = SequenceSet(tuple(pairs))
        wanted: set[int] = set()
        for pair in pairs:
            low, high = sorted(uids[-1] if number == STAR else number for number in pair)
            wanted |= {uid for uid in uids if low <= uid <= high}
        rows = selection.resolve(messages, uid=True)
        assert [uids[row] for row in rows] == sorted(wanted)
        assert [uid for low, high in selection.ranges(rows) for uid in range(low, high + 1) if uid in uids] == sorted(
            wanted
        )
        assert selection.mask(messages, uid=True).tolist() == [uid in wanted for uid in uids]
        by_number = [row for row in range(5) if any(_holds(pair, row + 1, 5) for pair in pairs)]
        assert np.flatnonzero(selection.mask(messages, uid=False)).tolist() == by_number


def _holds(pair: tuple[int, int], number: int, last: int) -> bool:
    low, high = sorted(last if each == STAR else each for each in pair)
    return low <= number <= high


def test_flag_names_are_bounded_and_ignore_bits_without_a_name() -> None:
    names = FlagNames(("$a", "B"))
    assert names[0] == b"()"
    assert names[1 | 1 << 6 | 1 << 40 | RECENT_BIT] == b"(\\Seen B \\Recent)"
    assert names.bit("b") == 1 << 6
    assert names.bit("c") == 0
    for word in range(10_000):
        assert names[word].startswith(b"(")
    assert len(names) <= 1024


def test_what_a_client_writes_is_split() -> None:
    assert split_flags(["\\SEEN", "$a", "\\Recent", "$a", "\\Draft"]) == (1 | 16, ("$a",))


async def test_a_flood_of_flags_is_told_bit_by_bit() -> None:
    """A change of a million flags must not become one buffer; numbers stay right when an EXPUNGE comes between."""
    async with World() as world:
        for number in range(6):
            await world.deliver(message(f"m{number}"))
        hold = await world.mail.select(ALICE, "INBOX", read_only=False, changed=lambda: None)
        selection = Selection(hold, Place(ALICE, "INBOX"))
        hold.recent = Recent()
        await hold.set_flags(((1, 6),), "add", 1)
        assert selection.sync(expunges=True, most=2) == _seen(1) + _seen(2)
        await hold.set_flags(((1, 1), (4, 4)), "add", 8)
        assert selection.sync(expunges=True, most=2) == b"* 1 FETCH (FLAGS (\\Seen \\Deleted))\r\n" + _seen(3)
        await hold.expunge(((4, 4),))
        assert selection.more
        assert selection.sync(expunges=True, most=1) == b"* 4 EXPUNGE\r\n* 0 RECENT\r\n"
        assert selection.sync(expunges=True, most=9) == _seen(4) + _seen(5)
        assert not selection.more
        assert selection.sync(expunges=True, most=9) == b""


def _seen(number: int) -> bytes:
    return b"* %d FETCH (FLAGS (\\Seen))\r\n" % number
