"""ops/sim/network.py: links that keep their order or break, partitions in one direction or both, deaths."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from cluster.rpc.link import Link, LinkDown
from ops.sim.loop import Lane, SimLoop
from ops.sim.network import FRAMES_MAX, Dialing, End, Network
from ops.sim.trace import Trace

Main = Callable[["Wire"], Awaitable[None]]


class Wire:
    """A client and a server that notes what comes."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.network = Network(loop, Random(1), Trace(lambda: loop.now))
        self.client, self.server = Lane("client"), Lane("server")
        self.came: list[bytes] = []
        self.reads = True
        self.ended = asyncio.Event()
        self.network.listen("server:1", self.server, self._serve)

    async def _serve(self, link: Link) -> None:
        try:
            while True:
                if not self.reads:
                    await asyncio.sleep(0.1)
                    continue
                self.came.append(await link.receive())
        except LinkDown:
            self.ended.set()

    async def dial(self) -> End:
        return await Dialing(self.network, self.client).dial("server:1")


def run(main: Main) -> None:
    loop = SimLoop(Random(2))

    async def within() -> None:
        await main(Wire(loop))

    try:
        loop.run_until_complete(within())
    finally:
        loop.close()
    assert not loop.failures


FRAMES = [b"%d" % number for number in range(200)]


def test_frames_arrive_in_order_through_loss_and_delay() -> None:
    async def main(wire: Wire) -> None:
        link = await wire.dial()
        weather = wire.network.weather
        weather.delayed, weather.lost = 0.3, 0.05
        try:
            for frame in FRAMES:
                await link.send(frame)
            await asyncio.sleep(60)
        except LinkDown:
            pass
        assert wire.came == FRAMES[: len(wire.came)]
        assert wire.came == FRAMES or wire.ended.is_set()

    run(main)


def test_who_is_not_read_waits() -> None:
    async def main(wire: Wire) -> None:
        wire.reads = False
        link = await wire.dial()
        sending = asyncio.ensure_future(_send_all(link))
        await asyncio.sleep(10)
        assert not sending.done()
        wire.reads = True
        await asyncio.wait_for(sending, 10)
        await asyncio.sleep(1)
        assert wire.came == FRAMES

    assert len(FRAMES) > FRAMES_MAX
    run(main)


async def _send_all(link: End) -> None:
    for frame in FRAMES:
        await link.send(frame)


@pytest.mark.parametrize(("seconds", "breaks"), [(2.0, False), (30.0, True)])
def test_a_partition_holds_frames_back_and_breaks_links_in_the_end(seconds: float, breaks: bool) -> None:
    async def main(wire: Wire) -> None:
        link = await wire.dial()
        wire.network.block("client", "server")
        await link.send(b"x")
        await asyncio.sleep(seconds)
        wire.network.unblock("client", "server")
        await asyncio.sleep(1)
        assert wire.came == ([] if breaks else [b"x"])
        assert wire.ended.is_set() is breaks

    run(main)


def test_a_partition_of_one_direction_lets_the_other_through() -> None:
    async def main(wire: Wire) -> None:
        link = await wire.dial()
        wire.network.block("server", "client")
        await link.send(b"x")
        await asyncio.sleep(1)
        assert wire.came == [b"x"]
        with pytest.raises(LinkDown):
            await wire.dial()

    run(main)


@pytest.mark.parametrize("silent", [False, True])
def test_links_of_the_dead_break_told_or_found_out(silent: bool) -> None:
    async def main(wire: Wire) -> None:
        link = await wire.dial()
        wire.network.cut(wire.server, silent=silent)
        wire.loop.kill(wire.server)
        begun = wire.loop.now
        with pytest.raises(LinkDown):
            await link.receive()
        assert (wire.loop.now - begun > 1) is silent
        with pytest.raises(LinkDown):
            await wire.dial()

    run(main)


def test_what_was_closed_is_closed_for_both() -> None:
    async def main(wire: Wire) -> None:
        link = await wire.dial()
        link.close()
        await asyncio.wait_for(wire.ended.wait(), 30)
        with pytest.raises(LinkDown):
            await link.send(b"x")

    run(main)
