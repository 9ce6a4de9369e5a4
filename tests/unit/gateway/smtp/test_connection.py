"""The connection's bounds, with a transport that only remembers what was done to it."""

import asyncio

import pytest

from gateway.smtp.connection import Connection
from gateway.smtp.memory import LIGHT_BYTES
from gateway.smtp.session import Session
from mail.smtp.replies import Reply
from tests.unit.gateway.smtp.fakes import Fakes, Talk


class FakeTransport(asyncio.Transport):
    """Remembers."""

    def __init__(self) -> None:
        super().__init__({"peername": ("::ffff:192.0.2.1", 5)})
        self.written = b""
        self.reading = True
        self.closed = self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class Wire:
    """A connection with its fakes."""

    def __init__(
        self, *, refuse: Reply | None = None, tls: bool = False, session: type[Session] = Session, **settings: object
    ) -> None:
        self.fakes = Fakes(**settings)
        self.transport = FakeTransport()
        self.opened: list[str] = []
        self.closed = 0
        made = Talk(self.fakes, tls=tls).session
        made.__class__ = session

        def on_open(_connection: Connection, ip: str) -> Session | Reply:
            self.opened.append(ip)
            return refuse or made

        def on_close(_connection: Connection) -> None:
            self.closed += 1

        self.connection = Connection(
            settings=self.fakes.settings,
            log=self.fakes.log,
            tls=None,
            memory=self.fakes.memory,
            on_open=on_open,
            on_close=on_close,
        )
        self.connection.connection_made(self.transport)

    async def say(self, data: bytes) -> bytes:
        """What is answered until nothing moves any more."""
        self.connection.data_received(data)
        return await self.settled()

    async def settled(self) -> bytes:
        for _ in range(20):
            await asyncio.sleep(0)
        answer, self.transport.written = self.transport.written, b""
        return answer


async def test_greeting_and_address() -> None:
    wire = Wire()
    assert await wire.settled() == b"220 mx.example.test ESMTP\r\n"
    assert wire.opened == ["192.0.2.1"]


async def test_one_that_is_turned_away_hears_why() -> None:
    wire = Wire(refuse=Reply(421, "4.7.0", "No"))
    assert wire.transport.written == b"421 4.7.0 No\r\n"
    assert wire.transport.closed
    wire.connection.data_received(b"EHLO a\r\n")


async def test_reading_stops_while_a_message_is_stored_and_goes_on_after() -> None:
    wire = Wire(buffer_bytes_max=100)
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    gate = wire.fakes.intake.gate = asyncio.Event()
    assert await wire.say(b"a: b\r\n.\r\n") == b""
    assert wire.transport.reading
    assert await wire.say(b"NOOP\r\n" * 20) == b""
    assert not wire.transport.reading
    gate.set()
    assert (await wire.settled()).count(b"250 2.0.0 Ok\r\n") == 20
    assert wire.transport.reading


async def test_a_large_message_beyond_all_memory_is_cut_off_and_given_back() -> None:
    wire = Wire()
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    wire.fakes.memory.held_bytes = others = 1 << 40
    assert await wire.say(b"y" * LIGHT_BYTES) == b""
    assert await wire.say(b"y") == b"421 4.3.1 Too much mail at once; try again later\r\n"
    assert wire.transport.closed
    assert wire.fakes.memory.held_bytes == others


async def test_who_does_not_read_is_not_answered_and_then_not_read() -> None:
    wire = Wire(buffer_bytes_max=100)
    await wire.settled()
    wire.connection.pause_writing()
    assert await wire.say(b"NOOP\r\n" * 20) == b""
    assert not wire.transport.reading
    await wire.settled()
    assert not wire.transport.reading
    wire.connection.resume_writing()
    assert await wire.settled() == b"250 2.0.0 Ok\r\n" * 20
    assert wire.transport.reading


@pytest.mark.parametrize("state", ["waiting", "unread", "storing", "closed"])
async def test_a_silent_connection_ends_whatever_it_waits_for(state: str) -> None:
    wire = Wire(idle_s=10)
    await wire.settled()
    match state:
        case "unread":
            wire.connection.pause_writing()
        case "storing":
            wire.fakes.intake.gate = asyncio.Event()
            await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 0 LAST\r\n")
        case "closed":
            await wire.say(b"QUIT\r\n")
    now_s = asyncio.get_running_loop().time()
    patience_s = 600 if state == "storing" else 10  # RFC 5321 4.5.3.2.6: the client waits, and nothing is to be said
    wire.connection.sweep(now_s + patience_s - 1)
    assert not wire.transport.aborted
    wire.connection.sweep(now_s + patience_s + 1)
    said = await wire.settled()
    assert wire.transport.aborted == (state != "waiting")
    assert said == (b"421 4.4.2 Nothing said for too long; closing\r\n" if state == "waiting" else b"")
    assert wire.connection.task
    wire.connection.task.cancel()


async def test_a_session_ends_after_its_time_but_not_within_a_message() -> None:
    wire = Wire(idle_s=10_000, session_s_max=10)
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    late_s = asyncio.get_running_loop().time() + 11
    wire.connection.sweep(late_s)
    assert (await wire.say(b"a: b\r\n.\r\n")).startswith(b"250 2.0.0")
    wire.connection.sweep(late_s)
    assert await wire.settled() == b"421 4.4.2 The session took too long; closing\r\n"
    assert wire.transport.closed


async def test_a_defect_ends_the_connection_and_is_told() -> None:
    wire = Wire()
    wire.fakes.intake.troubles[2] = [KeyError("a defect")]  # type: ignore[list-item]
    answer = await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 0 LAST\r\n")
    assert answer.endswith(b"421 4.3.0 Internal error; closing\r\n")
    assert wire.transport.closed
    assert any(event == "smtp.defect" for event, _ in wire.fakes.log.lines)


async def test_half_closed_is_answered_to_the_end() -> None:
    wire = Wire()
    wire.connection.data_received(b"HELO a\r\nNOOP\r\n")
    assert wire.connection.eof_received()
    assert (await wire.settled()).endswith(b"250 mx.example.test\r\n250 2.0.0 Ok\r\n")
    assert wire.transport.closed


async def test_the_end_is_told_once() -> None:
    wire = Wire()
    wire.connection.connection_lost(None)
    wire.connection.connection_lost(None)
    await wire.settled()
    assert wire.closed == 1


async def test_what_all_hold_together_is_bounded_and_given_back() -> None:
    wire = Wire(memory_bytes_max=5)
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    await wire.say(b"a: b\r\n")
    other = Talk(wire.fakes)
    assert (await other.say("HELO b", "MAIL FROM:<>"))[-1] == "452 4.3.1 Too much mail at once; try again later"
    await wire.say(b".\r\n")
    assert wire.fakes.memory.held_bytes == 0
    assert await other.say("MAIL FROM:<>") == ["250 2.1.0 Ok"]


async def test_a_lost_connection_gives_its_memory_back() -> None:
    wire = Wire()
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    await wire.say(b"a: b\r\n")
    assert wire.fakes.memory.held_bytes == 6
    wire.connection.connection_lost(None)
    await wire.settled()
    assert wire.fakes.memory.held_bytes == 0


async def test_a_message_that_never_ends_is_ended() -> None:
    wire = Wire(idle_s=10_000, session_s_max=10)
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    wire.connection.sweep(asyncio.get_running_loop().time() + 21)
    assert (await wire.settled()).startswith(b"421 4.4.2")


async def test_a_tls_connection_cannot_be_half_closed() -> None:
    wire = Wire(tls=True)
    await wire.settled()
    assert not wire.connection.eof_received()
    await wire.settled()
    assert wire.transport.closed


async def test_what_comes_while_a_message_is_stored_does_not_end_it() -> None:
    wire = Wire()
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    gate = wire.fakes.intake.gate = asyncio.Event()
    assert await wire.say(b"y" * LIGHT_BYTES + b"\r\n.\r\n") == b""
    wire.fakes.memory.held_bytes = 1 << 40
    assert await wire.say(b"QUIT\r\n") == b""
    gate.set()
    assert (await wire.settled()).startswith(b"250 2.0.0 Ok: stored")
    assert [event for event, _ in wire.fakes.log.lines if event == "smtp.defect"] == []


async def test_a_lost_connection_counts_until_its_message_is_stored() -> None:
    wire = Wire()
    gate = wire.fakes.intake.gate = asyncio.Event()
    await wire.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 0 LAST\r\n")
    wire.connection.connection_lost(None)
    await wire.settled()
    assert wire.closed == 0
    gate.set()
    await wire.settled()
    assert wire.closed == 1
    assert wire.fakes.intake.accounts == [2]


async def test_a_stop_is_told_in_place_of_a_greeting_that_is_late() -> None:
    class Opening(Session):
        wants_opening = True
        asked = asyncio.Event()

        async def open(self) -> Reply | None:
            await self.asked.wait()
            return None

    wire = Wire(session=Opening)
    assert await wire.settled() == b""
    wire.connection.drain()
    Opening.asked.set()
    assert await wire.settled() == b"421 4.3.2 Shutting down; try again\r\n"
    assert wire.transport.closed
