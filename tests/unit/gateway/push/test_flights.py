"""So many pushes at once, so many to one service, and nobody is forgotten."""

import asyncio
from typing import Any, cast

from gateway.push.flights import AT_ONCE_MAX, TO_ONE_MAX, Flights


class Way:
    def __init__(self, origin: str) -> None:
        self.origin = origin


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

    def begin(self, origin: str, number: int) -> None:
        for _ in range(number):
            self.flights.begin(cast("Any", Way(origin)))

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


async def test_a_defect_costs_one() -> None:
    async def fly(route: Any) -> None:
        if route.origin == "bad":
            raise RuntimeError
        flown.append(route.origin)

    flown: list[str] = []
    flights = Flights(fly)
    for origin in ("bad", "good"):
        flights.begin(cast("Any", Way(origin)))
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
