"""Storing at several places: what passes is tried again, the worst answer counts."""

import asyncio

from cluster.errors import NotFound, OverQuota, StoreFull, Trouble, Unavailable
from gateway.smtp.delivery import Store, deliver, verdict
from gateway.smtp.routing import Destination, Onward


class Place:
    def __init__(self, *troubles: Trouble) -> None:
        self.troubles = list(troubles)
        self.calls = 0

    async def store(self) -> None:
        self.calls += 1
        if self.troubles:
            raise self.troubles.pop(0)


async def test_each_place_is_tried_by_itself_and_what_is_beside_is_awaited() -> None:
    away, full, gone = Place(Unavailable("a"), Unavailable("b")), Place(StoreFull("c")), Place(NotFound("d"))
    written = asyncio.Event()

    async def beside() -> None:
        written.set()

    onward = Onward("far.test", 0)
    stores: dict[Destination, Store] = {1: away.store, onward: full.store, 3: gone.store}
    outcome = await deliver(stores, beside(), tries=3, pause_s=0)
    assert written.is_set()
    assert outcome[1] is None
    assert (away.calls, full.calls, gone.calls) == (3, 1, 1)
    assert verdict(outcome, [1]).code == 250
    assert verdict(outcome, [1, onward]).code == 452
    assert verdict(outcome, [3]).code == 550
    assert verdict(outcome, [1, 3]).code == 451
    assert verdict(outcome, [3, onward]).code == 452


async def test_who_is_over_quota_is_not_tried_again() -> None:
    place = Place(OverQuota("x"))
    await deliver({1: place.store}, asyncio.sleep(0), tries=3, pause_s=0)
    assert place.calls == 1
