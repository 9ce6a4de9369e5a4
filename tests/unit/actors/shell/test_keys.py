"""actors/shell/keys.py: keys sort as what they say does, and no two kinds share any."""

from hypothesis import given
from hypothesis import strategies as st

from actors.greylist import keys as greylist
from actors.queue import keys as queue
from actors.reputation import keys as reputation
from actors.shell.keys import ID_BYTES_MAX, Layout
from actors.shell.places import TIME_MAX
from cluster.meta.store import KEY_BYTES_MAX
from cluster.placement.slots import SLOTS

LAYOUT = Layout(b"q")
slots, names, times = st.integers(0, SLOTS - 1), st.binary(min_size=1, max_size=20), st.integers(0, TIME_MAX - 1)


@given(slots, names, names, times, times)
def test_ranges_hold_what_they_say(slot: int, name: bytes, other: bytes, time_ms: int, until_ms: int) -> None:
    begin, end = LAYOUT.units_after(slot, other)
    assert (begin <= LAYOUT.unit(slot, name) < end) == (name > other)
    begin, end = LAYOUT.units_after(slot, b"")
    assert begin <= LAYOUT.unit(slot, name) < end
    assert LAYOUT.unit_name(LAYOUT.unit(slot, name)) == name
    begin, end = LAYOUT.timers_until(slot, 1, until_ms)
    timer = LAYOUT.timer(slot, 1, time_ms, name)
    assert (begin <= timer < end) == (time_ms <= until_ms)
    assert LAYOUT.timer_name(timer) == name
    assert not begin <= LAYOUT.timer(slot, 0, time_ms, name) < end


def test_no_two_kinds_share_keys() -> None:
    layouts = [queue.LAYOUT, reputation.LAYOUT, greylist.LAYOUT]
    made = [key for one in layouts for key in (one.claim(1), one.unit(1, b"x"), one.timer(1, 0, 1, b"x"))]
    assert len(set(made)) == len(made)
    assert not {key[:1] for key in made} & set(map(bytes, zip(b"bBcdegmt", strict=False)))


def test_the_longest_key_is_allowed() -> None:
    assert len(LAYOUT.timer(1, 1, TIME_MAX, bytes(ID_BYTES_MAX))) <= KEY_BYTES_MAX


def test_a_queue_entry_says_its_slot() -> None:
    name = queue.entry_id("example.net", b"key")
    assert len(name) == queue.ID_BYTES
    assert queue.slot_of_id(name) == queue.slot_of("example.net", b"key")
