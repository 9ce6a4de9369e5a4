"""actors/queue/bodies.py: bounded, and given out once."""

from actors.queue.bodies import Bodies


def test_a_body_is_given_out_once() -> None:
    bodies = Bodies()
    bodies.put(b"a", b"first")
    bodies.put(b"a", b"again")
    assert (bodies.take(b"a"), bodies.take(b"a"), len(bodies)) == (b"again", None, 0)


def test_the_oldest_make_room() -> None:
    bodies = Bodies(100)
    for number in range(10):
        bodies.put(bytes((number,)), bytes(30))
    assert [number for number in range(10) if bodies.take(bytes((number,)))] == [7, 8, 9]
    bodies.put(b"large", bytes(101))
    assert bodies.take(b"large") is None
