"""So many pushes at once, so many to one service, and nobody is forgotten."""

import asyncio
import random
from typing import Any, cast

import pytest

from gateway.push.flights import AT_ONCE_MAX, OF_ONE_MAX, TO_ONE_MAX, Flights


class Way:
    def __init__(self, origin: str, account: int) -> None:
        self.origin = origin
        self.account = account


class Tower:
    """Pushes end when they are told to."""

    def __init__(self) -> None:
        self.flying: list[Way] = []
        self.landed: list[Way] = []
        self.flights = Flights(self._fly)
        self._gates: dict[int, asyncio.Event] = {}

    async def _fly(self, route: Any) -> None:
        self.flying.append(route)
        gate = self._gates[id(route)] = asyncio.Event()
        await gate.wait()
        self.flying.remove(route)
        self.landed.append(route)

    def begin(self, origin: str, number: int, account: int = 0) -> None:
        """Of one account, or of as many."""
        for at in range(number):
            self.flights.begin(cast("Any", Way(origin, account or at + 1)))

    async def land(self, number: int) -> None:
        for way in self.flying[:number]:
            self._gates[id(way)].set()
        await self.rest()

    async def rest(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def at(self, origin: str) -> int:
        return sum(way.origin == origin for way in self.flying)


async def test_one_slow_service_leaves_room_for_others() -> None:
    tower = Tower()
    tower.begin("slow", 500)
    tower.begin("quick", 5)
    await tower.rest()
    assert (tower.at("slow"), tower.at("quick")) == (TO_ONE_MAX, 5)


async def test_all_are_pushed_to_in_the_end() -> None:
    tower = Tower()
    for origin in ("a", "b", "c"):
        tower.begin(origin, 100)
    await tower.rest()
    while tower.flying:
        assert len(tower.flying) <= AT_ONCE_MAX
        assert all(tower.at(origin) <= TO_ONE_MAX for origin in "abc")
        await tower.land(7)
    assert len(tower.landed) == 300
    assert len(tower.flights) == 0


async def test_a_user_with_many_slow_services_leaves_room_for_others() -> None:
    tower = Tower()
    for number in range(100):
        tower.begin(f"slow{number}", 1, account=7)
    tower.begin("quick", 5)
    await tower.rest()
    assert (len(tower.flying), tower.at("quick")) == (OF_ONE_MAX + 5, 5)


@pytest.mark.parametrize("seed", range(20))
async def test_nobody_is_forgotten(seed: int) -> None:
    chance, tower, begun = random.Random(seed), Tower(), 0
    for _ in range(60):
        number = chance.randrange(30)
        begun += number
        for _ in range(number):
            tower.begin(chance.choice("aaab"), 1, account=chance.choice((1, 1, 1, 2, chance.randrange(3, 60))))
        await tower.rest()
        assert all(tower.at(origin) <= TO_ONE_MAX for origin in "ab")
        assert max((sum(way.account == one for way in tower.flying) for one in (1, 2)), default=0) <= OF_ONE_MAX
        chance.shuffle(tower.flying)
        await tower.land(chance.randrange(12))
    while tower.flying:
        await tower.land(5)
    assert len(tower.landed) == begun


async def test_a_defect_costs_one() -> None:
    async def fly(route: Any) -> None:
        if route.origin == "bad":
            raise RuntimeError
        flown.append(route.origin)

    flown: list[str] = []
    flights = Flights(fly)
    for origin in ("bad", "good"):
        flights.begin(cast("Any", Way(origin, 1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert flown == ["good"]


async def test_stopping_leaves_what_takes_too_long() -> None:
    tower = Tower()
    tower.begin("a", 100)
    await tower.rest()
    await tower.flights.stop(0.0)
    assert tower.landed == []
    await tower.rest()
    assert len(tower.flights) == 0
