"""What every link promises: the same suite over gRPC, plain and with certificates, and over memory."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster.authority import Pair, Role, issue, make_authority
from cluster.errors import Misconfigured, Refused, Unavailable
from cluster.rpc.caller import Caller
from cluster.rpc.grpc_link import GrpcDialer, GrpcListener
from cluster.rpc.link import FRAME_BYTES_MAX, Accept, Dialer, Link, LinkDown
from cluster.rpc.memory_link import MemoryNetwork
from cluster.rpc.server import Limits, Server
from cluster.rpc.settings import RpcSettings
from tests.unit.cluster.rpc.ends import Heard, Script, settle

NOW = dt.datetime.now(dt.UTC)
PLAIN = RpcSettings(insecure=True)
Listen = Callable[[Accept], Awaitable[str]]


class Certificates:
    """An authority's, in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = make_authority(directory, NOW)

    def issue(self, name: str, role: Role = "node") -> RpcSettings:
        return self.settings(issue(self._directory, name, role, NOW))

    def settings(self, pair: Pair) -> RpcSettings:
        return RpcSettings(
            certificate=str(pair.certificate), key=str(pair.key), authority=str(self._authority.certificate)
        )


class Network:
    """Listens, dials, and stops what listens."""

    def __init__(self, dialer: Dialer, listen: Listen, stop: Callable[[str], Awaitable[None]]) -> None:
        self.dial = dialer.dial
        self.listen = listen
        self.stop = stop


@asynccontextmanager
async def grpc_network(settings: RpcSettings) -> AsyncIterator[Network]:
    listeners: dict[str, GrpcListener] = {}

    async def listen(accept: Accept) -> str:
        listener = GrpcListener(settings, accept)
        address = f"127.0.0.1:{await listener.start('127.0.0.1', 0)}"
        listeners[address] = listener
        return address

    async def stop(address: str) -> None:
        await listeners[address].stop()

    try:
        yield Network(GrpcDialer(settings), listen, stop)
    finally:
        for listener in listeners.values():
            await listener.stop()


@asynccontextmanager
async def memory_network() -> AsyncIterator[Network]:
    network = MemoryNetwork()

    async def listen(accept: Accept) -> str:
        network.listen("there:1", accept)
        return "there:1"

    async def stop(address: str) -> None:
        network.stop(address)

    yield Network(network, listen, stop)


@pytest.fixture(params=["memory", "plain", "tls"])
async def network(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack, asyncio.timeout(50):
        if request.param == "memory":
            yield await stack.enter_async_context(memory_network())
        else:
            settings = PLAIN if request.param == "plain" else Certificates(tmp_path / "ca").issue("node-1")
            yield await stack.enter_async_context(grpc_network(settings))


async def both(network: Network) -> tuple[Link, Link, "asyncio.Future[None]"]:
    """The two sides of a link, and what ends the accepting one."""
    accepted: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def accept(link: Link) -> None:
        accepted.set_result(link)
        await done

    return await network.dial(await network.listen(accept)), await accepted, done


async def test_frames_arrive_whole_and_in_order_both_ways(network: Network) -> None:
    near, far, _ = await both(network)
    frames = [b"a", bytes(FRAME_BYTES_MAX), b"b" * 1000, b"c"]
    for one, other in ((near, far), (far, near)):
        sending = [frame async for frame in _sent(one, frames, other)]
        assert sending == frames
    near.close()


async def _send_on(link: Link) -> None:
    for _ in range(1000):
        await link.send(b"a")
        await asyncio.sleep(0.001)


async def _sent(one: Link, frames: list[bytes], other: Link) -> AsyncIterator[bytes]:
    async def send() -> None:
        for frame in frames:
            await one.send(frame)

    sending = asyncio.create_task(send())
    for _ in frames:
        yield await other.receive()
    await sending


@pytest.mark.parametrize("closer", [0, 1])
async def test_a_closed_link_is_down_for_both(network: Network, closer: int) -> None:
    near, far, _ = await both(network)
    reading = [asyncio.create_task(link.receive()) for link in (near, far)]
    await settle()
    (near, far)[closer].close()
    (near, far)[closer].close()  # again does nothing
    for outcome in await asyncio.gather(*reading, return_exceptions=True):
        # The accepting side may hear of it by the end of its task.
        assert isinstance(outcome, LinkDown | asyncio.CancelledError)
    with pytest.raises(LinkDown):
        await near.receive()
    with pytest.raises(LinkDown):
        await _send_on(near)


async def test_the_dialling_side_hears_that_the_listener_stops(network: Network) -> None:
    accepted = asyncio.Event()

    async def accept(link: Link) -> None:
        accepted.set()
        await link.receive()

    address = await network.listen(accept)
    link = await network.dial(address)
    await accepted.wait()
    await network.stop(address)
    with pytest.raises(LinkDown):
        await link.receive()
    with pytest.raises(LinkDown):
        await network.dial(address)


async def test_a_writer_waits_for_a_reader_that_does_not_read(network: Network) -> None:
    near, far, _ = await both(network)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while True:
            await near.send(bytes(256 * 1024))
            sent += 1

    flooding = asyncio.create_task(flood())
    seen = -1
    while sent != seen:  # until nothing more goes
        seen = sent
        await asyncio.sleep(0.3)
    assert sent < 400  # 100 MB: sockets and HTTP/2 windows hold a few
    await far.receive()
    near.close()
    with pytest.raises((LinkDown, asyncio.CancelledError)):
        await flooding


async def test_calls_and_subscriptions_go_over_it_and_a_large_push_lets_small_calls_pass(network: Network) -> None:
    script = Script()
    server = Server({"x": script})
    caller = Caller(await network.dial(await network.listen(server.serve)))
    bodies = [b"%d" % number for number in range(300)]
    assert await asyncio.gather(*[caller.call("x", 1, body, 30) for body in bodies]) == [
        b"<" + body + b">" for body in bodies
    ]
    heard = Heard()
    hold = await caller.subscribe("x", 1, b"s", heard, 30)
    large = bytes(48 * 1024 * 1024)
    script.outlets[0].push(large)
    assert await caller.call("x", 1, b"small", 30) == b"<small>"
    assert heard.bodies == []  # the small one has passed it
    while not heard.bodies:
        await asyncio.sleep(0.01)
    assert heard.bodies == [large]
    hold.close()
    await server.drain()
    while not caller.is_down:
        await asyncio.sleep(0.01)
    assert script.left == script.outlets


async def test_a_subscriber_that_does_not_read_is_cut_off_at_its_bound(network: Network) -> None:
    script = Script()
    server = Server({"x": script}, Limits(outlet_bytes=8 * 1024 * 1024))
    link = await network.dial(await network.listen(server.serve))
    stuck = Stuck(link)
    caller = Caller(stuck)
    heard = Heard()
    await caller.subscribe("x", 1, b"s", heard, 30)
    stuck.is_stuck = True
    for _ in range(4000):  # 400 MB
        script.outlets[0].push(bytes(100_000))
        await asyncio.sleep(0)
        if script.left:
            break
    assert script.left == script.outlets
    stuck.go_on()
    while not heard.losses:
        await asyncio.sleep(0.01)
    assert [type(loss) for loss in heard.losses] == [Unavailable]
    caller.close()


class Stuck:
    """A link whose reader may stop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._goes = asyncio.Event()
        self.is_stuck = False
        self.send = link.send
        self.close = link.close

    async def receive(self) -> bytes:
        frame = await self._link.receive()
        if self.is_stuck:
            await self._goes.wait()
        return frame

    def go_on(self) -> None:
        self.is_stuck = False
        self._goes.set()


# ---- who may use it


@asynccontextmanager
async def listening(settings: RpcSettings) -> AsyncIterator[str]:
    listener = GrpcListener(settings, Server({"x": Script()}).serve)
    try:
        yield f"127.0.0.1:{await listener.start('127.0.0.1', 0)}"
    finally:
        await listener.stop()


async def test_only_nodes_of_the_same_authority_are_served(tmp_path: Path) -> None:
    ours, others = Certificates(tmp_path / "ours"), Certificates(tmp_path / "others")
    pair = issue(tmp_path / "others", "half", "node", NOW)
    async with listening(ours.issue("node-1")) as address:
        for settings, reason in (
            (others.issue("node-1"), "no common trust"),
            (ours.settings(pair), "no common trust"),  # trusts ours, but is another's
            (ours.issue("ada", "admin"), "refuses our certificate: only a certificate for node"),
            (PLAIN, "only one side has TLS"),
        ):
            with pytest.raises(Refused, match=reason):
                await GrpcDialer(settings).dial(address)
        caller = Caller(await GrpcDialer(ours.issue("node-2")).dial(address))
        assert await caller.call("x", 1, b"a", 30) == b"<a>"
        caller.close()
    async with listening(PLAIN) as address:
        with pytest.raises(Refused, match="only one side has TLS"):
            await GrpcDialer(ours.issue("node-3")).dial(address)


async def test_who_shows_no_certificate_is_not_served(tmp_path: Path) -> None:
    ours = Certificates(tmp_path / "ca").issue("node-1")
    trusting: Any = grpc.ssl_channel_credentials(Path(ours.authority).read_bytes())
    async with listening(ours) as address:
        options = (("grpc.ssl_target_name_override", "node.rookery.internal"),)
        async with grpc.aio.secure_channel(address, trusting, options=options) as channel:
            call: Any = channel.stream_stream("/rookery.data.v1.Data/Calls")  # type: ignore[call-arg]
            with pytest.raises(grpc.aio.AioRpcError):
                async with asyncio.timeout(30):
                    await call(None, wait_for_ready=False).read()


async def test_a_server_that_shows_an_operators_certificate_is_not_trusted(tmp_path: Path) -> None:
    ours = Certificates(tmp_path / "ca")
    async with listening(ours.issue("ada", "admin")) as address:
        with pytest.raises(Refused, match="no common trust"):
            await GrpcDialer(ours.issue("node-1")).dial(address)


async def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    ours = Certificates(tmp_path / "ca").issue("node-1")
    with pytest.raises(Misconfigured, match=r"rpc\.certificate is not set"):
        GrpcDialer(RpcSettings())
    absent = RpcSettings(certificate=ours.certificate, key=str(tmp_path / "absent.pem"), authority=ours.authority)
    with pytest.raises(Misconfigured, match=r"rpc\.key: .*absent\.pem cannot be read"):
        GrpcDialer(absent)
    with pytest.raises(Misconfigured, match=r"rpc\.key"):
        await GrpcListener(absent, Server({}).serve).start("127.0.0.1", 0)


async def test_nobody_there_is_told_in_time() -> None:
    async with listening(PLAIN) as address:
        pass
    with pytest.raises(LinkDown):
        await GrpcDialer(PLAIN).dial(address)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(LinkDown, match="did not answer within 2 s"):
        await GrpcDialer(PLAIN).dial(f"127.0.0.1:{port}")
    silent.close()


async def test_a_peer_that_falls_silent_is_noticed() -> None:
    held = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not held.is_set():
                writer.write(data)
        writer.close()

    async with listening(PLAIN) as address:
        host, port = address.split(":")
        tasks: list[asyncio.Task[None]] = []

        async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection(host, int(port))
            tasks.extend([asyncio.create_task(relay(reader, there[1])), asyncio.create_task(relay(there[0], writer))])

        between = await asyncio.start_server(both_ways, "127.0.0.1", 0)
        caller = Caller(await GrpcDialer(PLAIN).dial(f"127.0.0.1:{between.sockets[0].getsockname()[1]}"))
        assert await caller.call("x", 1, b"a", 30) == b"<a>"
        held.set()
        with pytest.raises(LinkDown):  # not its deadline
            await caller.call("x", 1, b"b", 40)
        between.close()
        await asyncio.gather(*tasks, return_exceptions=True)
