"""Carries out a schedule of faults on a world, and mends each when its time is over.

The law: every fault has its mending, and `finish` mends at once what is still broken and starts what is dead.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ops.sim import registry, store
from ops.sim.faults import Fault
from ops.sim.network import Weather
from ops.sim.store import StoreWeather
from ops.sim.world import World

Mend = Callable[[], None]


class Havoc:
    """One run's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = world.dice("havoc")
        self._mends: dict[int, Mend] = {}
        self._number = 0
        self.counts: dict[str, int] = {}
        self._do: Final[dict[str, Callable[[Fault], Mend | None]]] = {
            "lose": self._lose,
            "delay": self._delay,
            "slow": self._slow,
            "kill": self._kill,
            "power": self._kill,
            "pause": self._pause,
            "pause-in-commit": self._pause_in_commit,
            "island": self._island,
            "partition": self._partition,
            "mute": self._partition,
            "deaf": self._partition,
            "cut-off": self._partition,
            "jump": self._jump,
            "registry-away": self._registry_away,
            "compact": self._compact,
            "store-away": self._store_away,
            "store-refuses": self._store_weather,
            "store-unknown": self._store_weather,
            "store-late": self._store_weather,
            "store-slow": self._store_weather,
        }

    async def run(self, faults: Sequence[Fault]) -> None:
        """Each at its moment; returns when the last has begun."""
        begun = self._world.loop.now
        for fault in faults:
            await asyncio.sleep(begun + fault.at - self._world.loop.now)
            self._begin(fault)

    def finish(self) -> None:
        """Mend all."""
        self._world.store.before_commit.clear()
        for number in sorted(self._mends):
            self._mend(number)
        for name in self._world.processes:
            self._world.start(name)

    def _begin(self, fault: Fault) -> None:
        self._world.trace("fault", fault)
        self.counts[fault.what] = self.counts.get(fault.what, 0) + 1
        mend = self._do[fault.what](fault)
        if mend is None:
            return
        self._number += 1
        self._mends[self._number] = mend
        loop = self._world.loop
        loop.at(loop.world, loop.now + fault.lasts, self._mend, self._number)

    def _mend(self, number: int) -> None:
        mend = self._mends.pop(number, None)
        if mend is not None:
            self._world.trace("mend", number)
            mend()

    # Each gives what mends it

    def _lose(self, fault: Fault) -> Mend:
        return self._weather(lost=fault.much, broken=fault.much / 10)

    def _delay(self, fault: Fault) -> Mend:
        return self._weather(delayed=fault.much, delay_s=0.5)

    def _slow(self, fault: Fault) -> Mend:
        return self._weather(slow=0.5, delayed=fault.much, delay_s=0.1)

    def _weather(self, **changes: float) -> Mend:
        weather = self._world.network.weather
        for name, value in changes.items():
            setattr(weather, name, max(value, getattr(weather, name)))
        fair = Weather()

        def mend() -> None:
            for name in changes:
                setattr(weather, name, getattr(fair, name))

        return mend

    def _kill(self, fault: Fault) -> Mend:
        self._world.kill(fault.who, silent=fault.what == "power")
        return lambda: self._world.start(fault.who)

    def _pause(self, fault: Fault) -> Mend:
        process = self._world.processes[fault.who]
        self._world.pause(process)
        return lambda: self._world.resume(process)

    def _pause_in_commit(self, fault: Fault) -> None:
        world, process = self._world, self._world.processes[fault.who]

        def stop() -> None:
            world.trace("pause", fault.who)
            world.pause(process)
            world.loop.at(world.loop.world, world.loop.now + fault.lasts, world.resume, process)

        world.store.before_commit[process.lane] = stop

    def _island(self, fault: Fault) -> Mend:
        lonely = (fault.who, fault.whom)
        others = [name for name, process in self._world.processes.items() if process.kind == "controller"]
        return self._block([pair for one in lonely for other in (registry.HOST, *others) for pair in _both(one, other)])

    def _partition(self, fault: Fault) -> Mend:
        world = self._world
        whom = "registry" if fault.what == "cut-off" else fault.whom
        others = [*world.processes, store.HOST, registry.HOST] if whom == "*" else [whom]
        pairs = [
            pair
            for other in others
            if other != fault.who
            for pair in _both(fault.who, other)
            if fault.what in ("partition", "cut-off") or (fault.what == "mute") is (pair[0] == fault.who)
        ]
        return self._block(pairs)

    def _block(self, pairs: Sequence[tuple[str, str]]) -> Mend:
        world = self._world
        for pair in pairs:
            world.network.block(*pair)

        def mend() -> None:
            for pair in pairs:
                world.network.unblock(*pair)
                if registry.HOST in pair:
                    host = pair[0] if pair[1] == registry.HOST else pair[1]
                    world.registry.reconnect(host, self._dice.choice((0.0, 4.0)) * self._dice.random())

        return mend

    def _jump(self, fault: Fault) -> None:
        self._world.processes[fault.who].clock.ahead_ms += int(fault.much * 1000)

    def _registry_away(self, _fault: Fault) -> Mend:
        server = self._world.registry
        if not server.up:
            return _nothing
        server.stop()
        server.is_flaky = True

        def mend() -> None:
            server.start()
            server.is_flaky = False

        return mend

    def _compact(self, _fault: Fault) -> None:
        self._world.registry.compact()

    def _store_away(self, _fault: Fault) -> Mend:
        lane, loop = self._world.store.lane, self._world.loop
        if lane.paused:
            return _nothing
        loop.pause(lane)
        return lambda: loop.resume(lane)

    def _store_weather(self, fault: Fault) -> Mend:
        weather, name = self._world.store.weather, fault.what.removeprefix("store-")
        name = {"refuses": "refused"}.get(name, name)
        setattr(weather, name, fault.much)
        return lambda: setattr(weather, name, getattr(StoreWeather(), name))


def _both(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Both directions."""
    return (one, other), (other, one)


def _nothing() -> None:
    return
