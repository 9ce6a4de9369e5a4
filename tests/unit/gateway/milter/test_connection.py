"""One connection: what asyncio may do to it."""

import asyncio

import pytest

from gateway.milter.connection import Connection, Failed, connect
from gateway.milter.settings import MilterSettings
from mail.milter.machine import Client
from tests import virtual
from tests.milter_double import SILENT, Double, framed, join

SETTINGS = MilterSettings(name="x", address="inet:x:1")


async def connected(double: Double) -> Connection:
    async def dial(_where: object, factory: object, _tls: object, _name: str) -> None:
        assert callable(factory)
        join(factory(), double)

    return await connect(SETTINGS, None, dial)


def test_one_that_speaks_first() -> None:
    connection = Connection(Client())
    join_failed = Double()

    async def main() -> None:
        join(connection, join_failed)
        connection.data_received(b"220 mx.test ESMTP\r\n")
        with pytest.raises(Failed, match="unasked"):
            await connection.ask(Client.negotiate, 1)

    virtual.run(main())


def test_resumed_while_nothing_is_to_be_said() -> None:
    async def main() -> None:
        connection = Connection(Client())
        join(connection, Double())
        connection.pause_writing()
        connection.resume_writing()
        await connection.ask(Client.negotiate, 1)
        connection.resume_writing()
        assert connection.client.is_idle

    virtual.run(main())


def test_what_cannot_be_written_yet_is_written_later() -> None:
    async def main() -> None:
        double = Double()
        connection = await connected(double)
        connection.pause_writing()
        asking = asyncio.create_task(connection.ask(lambda client: client.helo("x"), 1))
        await asyncio.sleep(0.1)
        assert double.letters == "O"
        connection.resume_writing()
        await asking
        assert double.letters == "OH"

    virtual.run(main())


def test_given_up_in_the_middle_it_is_not_used_again() -> None:
    async def main() -> None:
        double = Double({"H": SILENT})
        connection = await connected(double)
        asking = asyncio.create_task(connection.ask(lambda client: client.helo("x"), 10))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        with pytest.raises(Failed, match="given up"):
            await connection.ask(lambda client: client.helo("x"), 10)
        await asyncio.sleep(0.1)
        assert double.closed

    virtual.run(main())


def test_an_answer_that_comes_while_nobody_asks() -> None:
    async def main() -> None:
        double = Double()
        connection = await connected(double)
        assert double.transport is not None
        double.transport.write(framed("c"))
        await asyncio.sleep(0.1)
        with pytest.raises(Failed, match="unasked"):
            await connection.ask(lambda client: client.helo("x"), 10)

    virtual.run(main())


def test_what_the_client_hears_names_no_filter() -> None:
    async def main() -> None:
        connection = await connected(Double({"H": b"\0\0\0\1?"}))
        with pytest.raises(Failed) as failure:
            await connection.ask(lambda client: client.helo("x"), 10)
        assert failure.value.says == "A filter does not answer; try again later"
        assert "0x3f" in failure.value.log

    virtual.run(main())
