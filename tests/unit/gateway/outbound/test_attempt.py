"""gateway/outbound/attempt.py: what stands before an attempt."""

import asyncio

from actors.queue.types import Envelope, Result, Work
from gateway.outbound.parts import Pass
from tests.unit.gateway.outbound.world import OK, World, always
from tests.virtual import run


class _Pass:
    def __init__(self, gate: "_Gate") -> None:
        self._gate = gate

    def leave(self) -> None:
        self._gate.inside -= 1


class _Gate:
    """Two at once, and nobody in the first minute."""

    def __init__(self, world: World) -> None:
        self.inside = 0
        self.asked = 0
        self.told: list[tuple[int, str]] = []
        self._clock = world.clock
        self._open_ms = world.clock.now_ms() + 60_000

    async def enter(self, work: Work, cause: str) -> Pass | float:
        self.told.append((work.tries, cause))
        self.asked += 1
        if (wait_ms := self._open_ms - self._clock.now_ms()) > 0:
            return wait_ms / 1000
        if self.inside == 2:
            return 5.0
        self.inside += 1
        return _Pass(self)


def test_a_gate_holds_mail_up_without_an_attempt() -> None:
    async def main() -> None:
        world = World()

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(3)
            return (OK,)

        world.courier.answer = answer
        world.gate = gate = _Gate(world)
        deliverer = await world.start()
        entries = [await world.enqueue(n) for n in range(6)]
        await asyncio.sleep(59)
        assert (world.courier.sent, gate.asked) == ([], 6)
        await asyncio.sleep(30)
        assert {await world.status(entry) for entry in entries} == {"delivered"}
        assert world.courier.at_once_max == 2
        assert (await world.queue.read(entries[0])).tries == 1
        assert gate.inside == 0
        await world.stop(deliverer)

    run(main())


def test_a_gate_hears_how_often_it_was_tried_and_why_it_failed() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(Result("deferred", 450, "4.2.2", "full", "mx", cause="full"))
        world.gate = gate = _Gate(world)
        deliverer = await world.start()
        await world.enqueue(1)
        await asyncio.sleep(60 + 400)
        assert gate.told == [(0, ""), (0, ""), (1, "full")]
        await world.stop(deliverer)

    run(main())
