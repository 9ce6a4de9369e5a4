"""gateway/outbound/agenda.py: the earliest counts, urgent lanes first, the last lane not never."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from actors.queue.types import BULK, NORMAL, URGENT
from actors.shell.places import place_of
from gateway.outbound.agenda import Agenda, Place


def test_the_earliest_time_of_a_slots_lane_counts() -> None:
    agenda = Agenda()
    for time_ms in (500, 300, 400):
        agenda.due(7, NORMAL, time_ms)
    assert (len(agenda), agenda.next_ms()) == (1, 300)
    assert agenda.take(299, 10) == []
    assert agenda.take(300, 10) == [Place(7, NORMAL, place_of(300))]
    assert (len(agenda), agenda.next_ms()) == (0, None)


def test_a_place_to_be_looked_at_later_keeps_where_to_begin() -> None:
    agenda = Agenda()
    agenda.add(Place(7, NORMAL, place_of(100, b"x")), 900)
    agenda.due(7, NORMAL, 500)
    assert agenda.take(500, 1) == [Place(7, NORMAL, place_of(100, b"x"))]


def test_lanes_take_turns_by_their_weight() -> None:
    agenda = Agenda()
    for slot in range(130):
        for lane in (BULK, NORMAL, URGENT):
            agenda.due(slot, lane, slot)
    first = Counter(place.lane for place in agenda.take(1000, 130))
    assert first == {URGENT: 80, NORMAL: 40, BULK: 10}
    assert len(agenda.take(1000, 1000)) == 260


def test_a_lane_that_nobody_knows_is_nobodys() -> None:
    agenda = Agenda()
    agenda.due(1, 9, 0)
    assert agenda.take(10, 10) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([URGENT, NORMAL, BULK]), st.integers(0, 1000))))
def test_it_is_a_table_of_minima(told: list[tuple[int, int, int]]) -> None:
    agenda, table = Agenda(), dict[tuple[int, int], int]()
    for slot, lane, time_ms in told:
        for _again in range(20):  # more than it keeps
            agenda.due(slot, lane, time_ms)
        table[slot, lane] = min(time_ms, table.get((slot, lane), time_ms))
    assert agenda.next_ms() == min(table.values(), default=None)
    taken = {(place.slot, place.lane) for place in agenda.take(500, 1000)}
    assert taken == {key for key, time_ms in table.items() if time_ms <= 500}
