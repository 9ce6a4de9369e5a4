"""Who gets which connection, how many there are, and what a failing host does to the pace: with servers in memory, in
virtual time."""

import asyncio
import random
import ssl
from collections.abc import Coroutine
from typing import Any

import pytest

from cluster.clock import ManualClock
from gateway.outbound.connection import PIECE_BYTES, Connection, NotReady, Way
from gateway.outbound.dial import Host, Plan
from gateway.outbound.pool import Pool
from gateway.outbound.settings import OutboundSettings, Timeouts
from gateway.outbound.tls import Policies, TlsPolicy
from mail.smtp.client.envelope import Sender, Target, Transaction
from mail.smtp.client.events import Closed, Finished
from tests import virtual
from tests.unit.gateway.outbound.settled import settled


class Wire(asyncio.Transport):
    """The server's end of a connection: it answers after `delay_s`, as `world` says."""

    def __init__(self, world: "World", connection: Connection) -> None:
        super().__init__()
        self.world, self.connection = world, connection
        self.closed = False
        self.in_data = False
        self.loop = asyncio.get_running_loop()
        self.later(b"220 x\r\n")

    def later(self, data: bytes) -> None:
        self.loop.call_later(self.world.delay_s, self.give, data)

    def give(self, data: bytes) -> None:
        if not self.closed:
            self.connection.data_received(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        answer = b""
        for line in bytes(data).split(b"\r\n")[:-1]:
            answer += self.world.reply(self, line)
        if answer:
            self.later(answer)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def drop(self) -> None:
        """The server goes away."""
        self.closed = True
        self.connection.connection_lost(None)

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.world.open -= 1


class World:
    """All servers: `down` addresses refuse; `end` is the answer to each message."""

    def __init__(self, **settings: Any) -> None:
        self.delay_s = 0.1
        self.offers = ["PIPELINING"]
        self.down: set[str] = set()
        self.end = b"250 2.0.0 taken\r\n"
        self.mail = b"250 Ok\r\n"
        self.open = self.open_most = 0
        self.tried: list[str] = []
        self.wires: list[Wire] = []
        self.pool = Pool(
            OutboundSettings(**settings),
            "me.test",
            settled(ManualClock()),
            ssl.create_default_context(),
            random.Random(1),
            lambda _outcome: None,
            connector=self.connect,
        )

    async def connect(
        self, way: Way, timeouts: Timeouts, context: ssl.SSLContext, policies: Policies, *, nonce: str
    ) -> Connection:
        self.tried.append(way.address)
        await asyncio.sleep(self.delay_s)
        if way.address in self.down:
            raise NotReady("refused", "unreachable", status="4.4.1")
        connection = Connection(way, timeouts)
        self.open += 1
        self.open_most = max(self.open_most, self.open)
        wire = Wire(self, connection)
        self.wires.append(wire)
        connection.connection_made(wire)
        await connection.prepare(context, policies, nonce)
        return connection

    def reply(self, wire: Wire, line: bytes) -> bytes:
        if wire.in_data:
            wire.in_data = line != b"."
            return b"" if wire.in_data else self.end
        if line == b"DATA":
            wire.in_data = True
            return b"354 go\r\n"
        if line.startswith(b"EHLO"):
            return ("250-x\r\n" + "".join(f"250-{one}\r\n" for one in self.offers) + "250 SIZE\r\n").encode()
        if line.startswith(b"MAIL"):
            return self.mail
        return b"221 bye\r\n" if line == b"QUIT" else b"250 Ok\r\n"


class Task:
    """A job."""

    def __init__(self) -> None:
        self.tries = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def transaction(self, connection: Connection) -> Transaction | None:
        return Transaction(Sender(address="a@b"), (Target("c@d"),), b"x\r\n")

    def settled(self, connection: Connection, event: Finished) -> None:
        self.ended.set_result(f"{event.results[0].how} {connection.way.address}")

    def refused(self, why: str) -> None:
        self.ended.set_result(why)

    def stranded(self, error: NotReady, way: Way | None) -> None:
        self.ended.set_result(error.why)


def plan(*addresses: str, key: str = "k", connections_max: int = 20) -> Plan:
    hosts = tuple(Host(f"h{rank}.test", rank, (address,), TlsPolicy("none")) for rank, address in enumerate(addresses))
    return Plan("x.test", hosts, 25, key=(key,), connections_max=connections_max)


def play(main: Coroutine[Any, Any, None]) -> None:
    virtual.run(main)


async def deliver(world: World, where: Plan, count: int) -> list[str]:
    tasks = [Task() for _ in range(count)]
    for task in tasks:
        world.pool.submit(where, task)
    return [await task.ended for task in tasks]


def test_connections_grow_with_the_backlog_up_to_their_limit() -> None:
    async def main() -> None:
        world = World(backlog_per_connection=4)
        where = plan("1.1.1.1", connections_max=5)
        assert await deliver(world, where, 1) == ["delivered 1.1.1.1"]
        assert world.open_most == 1
        await deliver(world, where, 8)
        assert world.open_most == 2
        await deliver(world, where, 200)
        assert world.open_most == 5
        await world.pool.close()
        await asyncio.sleep(0)
        assert world.open == 0

    play(main())


def test_idle_connections_are_let_go() -> None:
    async def main() -> None:
        world = World(idle_s=5)
        await deliver(world, plan("1.1.1.1"), 1)
        await asyncio.sleep(3)
        assert world.open == 1
        await asyncio.sleep(5)
        assert world.open == 0
        assert world.pool.connections == 0

    play(main())


def test_an_address_has_so_many_connections_whoever_asks() -> None:
    async def main() -> None:
        world = World(connections_per_host_max=3, backlog_per_connection=1)
        one, two = plan("1.1.1.1", key="one"), plan("1.1.1.1", key="two")
        results = await asyncio.gather(deliver(world, one, 30), deliver(world, two, 30))
        assert {result for results_of in results for result in results_of} == {"delivered 1.1.1.1"}
        assert world.open_most == 3

    play(main())


def test_all_connections_are_bounded_and_idle_ones_make_room() -> None:
    async def main() -> None:
        world = World(connections_max=2, backlog_per_connection=1, idle_s=1000)
        for number in range(5):
            assert await deliver(world, plan(f"1.1.1.{number}", key=str(number)), 3)
        assert world.open_most <= 2

    play(main())


def test_a_host_that_is_down_is_left_alone_for_a_while() -> None:
    async def main() -> None:
        world = World(host_retry_s=60)
        world.down = {"1.1.1.1"}
        where = plan("1.1.1.1", "2.2.2.2")
        assert await deliver(world, where, 1) == ["delivered 2.2.2.2"]
        world.tried.clear()
        await asyncio.sleep(30)  # the idle connection is gone
        assert await deliver(world, where, 1) == ["delivered 2.2.2.2"]
        assert world.tried == ["2.2.2.2"]
        world.down = set()
        await asyncio.sleep(61)
        assert await deliver(world, where, 1) == ["delivered 1.1.1.1"]

    play(main())


def test_nobody_there_strands_all_and_the_next_at_once() -> None:
    async def main() -> None:
        world = World(host_retry_s=60)
        world.down = {"1.1.1.1"}
        assert await deliver(world, plan("1.1.1.1"), 20) == ["refused"] * 20
        tried = len(world.tried)
        assert await deliver(world, plan("1.1.1.1"), 20) == ["refused"] * 20
        assert len(world.tried) == tried
        await asyncio.sleep(61)
        world.down = set()
        assert await deliver(world, plan("1.1.1.1"), 1) == ["delivered 1.1.1.1"]

    play(main())


def test_hosts_that_are_forgiven_are_asked_at_once() -> None:
    async def main() -> None:
        world = World(host_retry_s=60)
        world.down = {"1.1.1.1"}
        where = plan("1.1.1.1")
        world.pool.forgive(where)  # nothing is known of it
        assert await deliver(world, where, 1) == ["refused"]
        world.down = set()
        assert await deliver(world, where, 1) == ["refused"]
        world.pool.forgive(where)
        assert await deliver(world, where, 1) == ["delivered 1.1.1.1"]

    play(main())


def test_a_connection_that_dies_before_it_takes_a_job_costs_nothing() -> None:
    async def main() -> None:
        world = World()
        await deliver(world, plan("1.1.1.1"), 1)
        task = Task()
        world.pool.submit(plan("1.1.1.1"), task)  # on the idle connection
        world.wires[0].drop()
        assert await task.ended == "delivered 1.1.1.1"
        assert task.tries == 2

    play(main())


def test_a_server_that_always_goes_away_is_tried_so_often() -> None:
    async def main() -> None:
        world = World()
        world.mail = b"421 4.3.2 no\r\n"
        task = Task()
        world.pool.submit(plan("1.1.1.1"), task)
        assert await task.ended == "deferred 1.1.1.1"
        assert task.tries == 3

    play(main())


def test_slower_where_the_host_has_had_enough_and_faster_again() -> None:
    async def main() -> None:
        world = World(backlog_per_connection=1)
        where = plan("1.1.1.1", connections_max=8)
        await deliver(world, where, 1)
        destination = world.pool._destinations[where.key]
        world.end = b"451 4.7.0 too many messages, rate limited\r\n"
        await deliver(world, where, 10)
        assert destination.limit == 1
        world.end = b"250 2.0.0 taken\r\n"
        await deliver(world, where, 200)
        assert destination.limit == 8

    play(main())


def test_a_silent_server_is_given_up() -> None:
    async def main() -> None:
        world = World(timeouts=Timeouts(mail_s=20))
        world.mail = b""
        world.offers = []
        task = Task()
        world.pool.submit(plan("1.1.1.1"), task)
        begun = asyncio.get_running_loop().time()
        assert (await task.ended).startswith("deferred")
        assert asyncio.get_running_loop().time() - begun < 70  # three connections
        await asyncio.sleep(0)
        assert world.open == 0

    play(main())


@pytest.mark.parametrize("offers", [["PIPELINING"], []])
def test_messages_of_a_connection_are_bounded(offers: list[str]) -> None:
    async def main() -> None:
        world = World(messages_per_connection_max=4)
        world.offers = offers
        await deliver(world, plan("1.1.1.1", connections_max=1), 20)
        assert len(world.wires) >= 5
        assert world.open_most <= 2  # one that says goodbye, one that comes

    play(main())


def test_places_that_failing_attempts_give_back_are_used() -> None:
    async def main() -> None:
        world = World(connections_max=1)
        world.down = {"1.1.1.1"}
        results = await asyncio.wait_for(
            asyncio.gather(
                deliver(world, plan("1.1.1.1", key="down"), 1),
                *(deliver(world, plan(f"2.2.2.{n}", key=str(n)), 1) for n in range(3)),
            ),
            60,
        )
        assert results == [["refused"], *[[f"delivered 2.2.2.{n}"] for n in range(3)]]

    play(main())


def test_who_has_nothing_to_send_any_more_takes_nobodys_place() -> None:
    async def main() -> None:
        world = World(connections_max=2, backlog_per_connection=1, idle_s=1000)
        first = plan("1.1.1.1", key="one")
        await deliver(world, first, 6)  # it wanted more connections than there are
        await asyncio.wait_for(deliver(world, plan("2.2.2.2", key="two"), 1), 60)

    play(main())


def test_when_it_closes_nothing_is_sent_any_more() -> None:
    async def main() -> None:
        world = World(backlog_per_connection=1)
        where = plan("1.1.1.1")
        await deliver(world, where, 4)
        assert world.open > 1
        tasks = [Task() for _ in range(2)]
        world.mail = b""
        wires, tried = len(world.wires), len(world.tried)
        world.pool.submit(where, tasks[0])
        await asyncio.sleep(0.01)
        sent: list[bytes] = []
        for wire in world.wires:
            wire.write = sent.append  # type: ignore[assignment, method-assign]
        await world.pool.close()
        await asyncio.sleep(10)
        assert (await tasks[0].ended).startswith(("This server", "deferred"))
        assert (len(world.wires), len(world.tried), sent, world.open) == (wires, tried, [], 0)

    play(main())


class Narrow(asyncio.Transport):
    """A way out that takes one piece and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection | None = None
        self.written = 0
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)
        if len(data) >= PIECE_BYTES and self.connection is not None:
            self.connection.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


class Heard:
    """Who uses a connection."""

    def __init__(self) -> None:
        self.results: list[str] = []

    def finished(self, connection: Connection, event: Finished) -> None:
        self.results += [one.how for one in event.results]

    def moved(self, connection: Connection) -> None:
        pass

    def closed(self, connection: Connection, event: Closed) -> None:
        self.results.append("closed")


@pytest.mark.parametrize("first_bytes", [100, 3 * PIECE_BYTES])
async def test_an_answer_is_early_only_where_its_own_message_has_not_left(first_bytes: int) -> None:
    connection, way_out, heard = (
        Connection(Way(host="h", address="a", port=25, hello="me"), Timeouts()),
        Narrow(),
        Heard(),
    )
    way_out.connection = connection
    connection.connection_made(way_out)
    connection.data_received(b"220 x\r\n")
    connection.data_received(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    connection.owner = heard
    for size in (first_bytes, 3 * PIECE_BYTES):
        connection.send(Transaction(Sender(address="a@b"), (Target("c@d"),), b"x" * (size - 2) + b"\r\n"))
    connection.data_received(b"250 mail\r\n250 rcpt\r\n250 2.0.0 taken\r\n")
    is_whole = first_bytes < PIECE_BYTES
    assert heard.results == (["delivered"] if is_whole else ["deferred", "deferred", "closed"])
    await asyncio.sleep(0)
    assert way_out.aborted is not is_whole
