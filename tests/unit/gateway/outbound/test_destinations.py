"""gateway/outbound/destinations.py: turns, shares, back-off."""

import pytest

from actors.queue.types import Envelope, Fate, Recipient, Result, Work
from gateway.outbound import destinations as module
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.destinations import Destinations, is_down
from tests.unit.gateway.outbound.world import DOWN, LATER, NEVER, OK

SETTINGS = DeliverySettings(per_destination_max=4, per_destination_first=2, backoff_first_s=60, backoff_max_s=200)


def work(domain: str, number: int = 0, priority: int = 0) -> Work:
    mail = Envelope(domain, "a@b", (Recipient(f"x@{domain}"),), bytes(32), 1, priority=priority)
    return Work(number.to_bytes(16, "big"), 1, 0, mail, fates=(Fate(),))


@pytest.mark.parametrize(
    ("results", "down"),
    [
        ((DOWN,), True),
        ((DOWN, DOWN), True),
        ((DOWN, OK), False),
        ((OK,), False),
        ((LATER,), False),
        ((NEVER,), False),
        ((Result("deferred", 421, said="closing"),), True),
        ((Result("deferred", 450, cause="rate-limited"),), True),
        ((Result("deferred", 450, cause="greylisted"),), False),
        ((Result("failed", cause="dns"),), False),
        ((), False),
    ],
)
def test_what_says_that_a_destination_is_down(results: tuple[Result, ...], down: bool) -> None:
    assert (is_down(results) is not None) is down


def test_destinations_take_turns_urgent_mail_first() -> None:
    them = Destinations(SETTINGS)
    for number in range(3):
        them.add(work("a.test", number))
    them.add(work("a.test", 3, priority=5))
    them.add(work("b.test", 4))
    begun = [them.next() for _ in range(4)]
    assert [found and (found[0].name, found[1].id[-1]) for found in begun] == [
        ("a.test", 3), ("b.test", 4), ("a.test", 0), None,
    ]  # fmt: skip
    assert them.ready == 2


def test_each_success_lets_one_more_begin_up_to_the_most() -> None:
    them = Destinations(SETTINGS)
    for number in range(30):
        them.add(work("a.test", number))
    rooms = []
    for _round in range(5):
        begun = []
        while (found := them.next()) is not None:
            begun.append(found)
        rooms.append(len(begun))
        for destination, _work in begun:
            them.ended(destination, (OK,), 0)
    assert rooms == [2, 4, 4, 4, 4]


def test_back_off_doubles_and_one_probe_ends_it() -> None:
    them = Destinations(SETTINGS)
    untils, now_ms = [], 0
    for number in range(4):
        for _two in range(2):
            them.add(work("a.test", number))
        found = them.next()
        assert found is not None
        assert (them.next() is None) == (number > 0), "once it is down only one at a time"
        destination = found[0]
        assert them.ended(destination, (DOWN,), now_ms)
        if number == 0:
            assert them.ended(destination, (DOWN,), now_ms + 1), "the other that was under way: no further failure"
        untils.append(destination.until_ms - now_ms)
        now_ms = destination.until_ms
        them.all_ready(destination)
    assert untils == [60_000, 120_000, 200_000, 200_000]
    them.add(work("a.test"))
    found = them.next()
    assert found is not None
    assert not them.ended(found[0], (NEVER,), now_ms), "whoever answers is up"
    assert (found[0].failures, found[0].until_ms, found[0].room) == (0, 0, 3)


def test_enough_for_one_destination_makes_it_busy_and_more_is_parked() -> None:
    them = Destinations(SETTINGS)
    for number in range(8):
        assert them.busy() == ()
        them.add(work("a.test", number))
    assert them.busy() == ("a.test",)
    destination = them.get("a.test")
    destination.park(3, 1, b"later")
    destination.park(3, 1, b"early")
    assert them.unpark(destination) is None
    while len(destination) > 4:
        destination.pop()
    place = them.unpark(destination)
    assert place is not None
    assert tuple(place) == (3, 1, b"early")
    assert them.unpark(destination) is None


def test_what_is_remembered_is_bounded_and_forgets_nothing_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN_MAX", 20)
    them = Destinations(SETTINGS)
    them.add(work("kept.test"))
    kept = them.get("kept.test")
    for number in range(1000):
        them.get(f"d{number}.test")
    assert them.get("kept.test") is kept
    assert len(them._known) <= 21
