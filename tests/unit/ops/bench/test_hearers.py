"""When everybody has heard."""

import pytest

from ops.bench.hearers import EVENT, Crowd, Ear, events_in


@pytest.mark.parametrize(
    ("pieces", "events"),
    [
        ([b"id: 1\nevent: state\n"], 1),
        ([b"ev", b"ent: st", b"ate\n"], 1),
        ([EVENT * 2], 2),
        ([b":\n\n", b"event: "], 0),
    ],
)
def test_an_event_is_seen_once_however_it_comes(pieces: list[bytes], events: int) -> None:
    tail, found = b"", 0
    for piece in pieces:
        count, tail = events_in(tail, piece)
        found += count
    assert found == events
    assert len(tail) < len(EVENT)


async def test_the_last_one_ends_a_turn_and_the_next_begins() -> None:
    crowd = Crowd()
    one, other = crowd.ears = [Ear(crowd), Ear(crowd)]
    for _ in range(2):
        crowd.begin()
        crowd.hears(one)
        crowd.hears(one)
        assert not crowd._all.is_set()
        crowd.hears(other)
        assert len(await crowd.done()) == 2


async def test_a_stream_that_ends_is_an_error_but_for_those_that_are_closed() -> None:
    crowd = Crowd()
    crowd.ears = [Ear(crowd)]
    crowd.ears[0].connection_lost(None)
    with pytest.raises(RuntimeError, match="ended"):
        await crowd.done()
