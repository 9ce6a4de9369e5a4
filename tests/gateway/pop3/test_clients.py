"""POP3 over real sockets, where the two event loops differ: TLS, half a connection, the ends of connections."""

import asyncio
import poplib
import socket
import struct

import pytest

from tests.gateway.imap.conftest import Address
from tests.unit.gateway.pop3.world import PASSWORD, World, message

LARGE = ".\r\n" + ("x" * 70 + "\r\n") * 5000


@pytest.mark.parametrize("implicit", [False, True], ids=["stls", "tls"])
async def test_poplib_fetches_and_removes(world: World, address: Address, implicit: bool) -> None:
    for number in range(3):
        await world.deliver(message(f"m{number}", LARGE))

    def talk() -> None:
        if implicit:
            pop: poplib.POP3 = poplib.POP3_SSL(address.host, address.tls_port, context=address.trust)
        else:
            pop = poplib.POP3(address.host, address.port)
            assert "SASL" not in pop.capa()
            pop.stls(address.trust)
        assert pop.capa()["SASL"] == ["SCRAM-SHA-256-PLUS", "PLAIN"]
        pop.user("alice")
        pop.pass_(PASSWORD)
        for number in range(3):
            lines = pop.retr(number + 1)[1]
            assert b"\r\n".join(lines) + b"\r\n" == message(f"m{number}", LARGE)
            pop.dele(number + 1)
        assert pop.quit() == b"+OK Goodbye (3 messages removed)"

    await asyncio.to_thread(talk)


async def test_half_a_connection_is_answered(address: Address) -> None:
    """What `printf ... | nc` does: everything is said, and the sending half closed, before the first answer."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"LANG\r\nUTF8\r\n")
    writer.write_eof()
    lines = (await asyncio.wait_for(reader.read(), 5)).splitlines()
    assert [line.split()[0] for line in lines] == [b"+OK", b"+OK", b"en", b".", b"+OK"]
    writer.close()


async def test_stls_forgets_what_came_in_the_clear(address: Address) -> None:
    """RFC 2595 4: a command slipped in behind STLS before TLS is up must never be answered."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    await reader.readline()
    writer.write(b"STLS\r\nCAPA\r\n")
    assert (await reader.readline()).startswith(b"+OK")
    await writer.start_tls(address.trust, server_hostname=address.host)
    writer.write(b"NOOP\r\n")
    assert (await reader.readline()).startswith(b"-ERR NOOP needs a login")
    writer.close()


@pytest.mark.parametrize("said", [b"this is no TLS\r\n" * 10, b""], ids=["garbage", "reset"])
async def test_a_failed_handshake_leaves_nothing(world: World, address: Address, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    await reader.readline()
    writer.write(b"STLS\r\n")
    assert (await reader.readline()).startswith(b"+OK")
    writer.write(said)
    if not said:  # closing with this option resets the connection
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    for _ in range(100):
        if [line for line in world.log.lines if line["event"] == "pop3.close"]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the connection is still counted")


async def test_a_full_house_is_told(address: Address) -> None:
    """One address gets its share of connections and no more, and closed ones count no longer."""
    pairs = [await asyncio.open_connection(address.host, address.port) for _ in range(4)]
    assert all([(await reader.readline()).startswith(b"+OK") for reader, _ in pairs[:-1]])
    assert (await pairs[-1][0].readline()).startswith(b"-ERR [SYS/TEMP] Too many connections")
    for _, writer in pairs:
        writer.close()
        await writer.wait_closed()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    assert (await reader.readline()).startswith(b"+OK")
    writer.close()
