"""Real clients over real sockets: Python's imaplib and IMAPClient, which block, so each runs in a thread."""

import asyncio
import imaplib
from typing import Any

import imapclient
import pytest

from tests.gateway.imap.conftest import Address
from tests.unit.gateway.imap.world import PASSWORD, World, message


async def test_imaplib_through_starttls(world: World, address: Address) -> None:
    for number in range(3):
        await world.deliver(message(f"message {number}"))

    def talk() -> None:
        client = imaplib.IMAP4(address.host, address.port)
        assert "LOGINDISABLED" in client.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            client.login("alice", PASSWORD)
        client.starttls(address.trust)
        assert "LOGINDISABLED" not in client.capabilities
        assert "STARTTLS" not in client.capabilities
        client.login("alice", PASSWORD)
        assert client.select() == ("OK", [b"3"])
        _, found = client.search(None, "SUBJECT", "1")
        assert found == [b"2"]
        _, fetched = client.fetch("2", "(RFC822)")
        assert isinstance(fetched[0], tuple)
        assert fetched[0][1] == message("message 1")
        assert client.store("1", "+FLAGS", "\\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        kind, data = client.append("INBOX", "(\\Seen)", None, message("mine"))
        assert kind == "OK", data
        assert client.noop()[0] == "OK"
        assert client.untagged_responses.get("EXISTS") == [b"3"] or client.select()[1] == [b"3"]
        client.close()
        client.logout()

    await asyncio.to_thread(talk)


async def test_imapclient_over_tls(world: World, address: Address) -> None:
    for number in range(250):
        await world.deliver(message(f"message {number}", "x" * 500))

    def talk() -> None:
        with imapclient.IMAPClient(address.host, address.tls_port, ssl=True, ssl_context=address.trust) as client:
            client.login("alice", PASSWORD)
            assert client.has_capability("MOVE")
            assert client.namespace().personal == (("", "/"),)
            assert client.find_special_folder(b"\\Trash") == "Trash"
            client.create_folder("Entwürfe/alt")
            assert "Entwürfe/alt" in [name for _, _, name in client.list_folders()]
            assert client.select_folder("INBOX")[b"EXISTS"] == 250
            everything = client.fetch(
                list(range(1, 251)), ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE"]
            )
            assert len(everything) == 250
            assert everything[7][b"ENVELOPE"].subject == b"message 6"
            whole = client.fetch([5, 6], ["BODY[]"])
            assert whole[5][b"BODY[]"] == message("message 4", "x" * 500)
            assert client.search(["SUBJECT", "message 24", "UNSEEN"]) == [25, *range(241, 251)]
            client.move(client.search(["UID", "1:100"]), "Trash")
            assert client.folder_status("Trash", ["MESSAGES"])[b"MESSAGES"] == 100
            assert client.add_flags([200], ["$Forwarded"])[200] == (b"$Forwarded", b"\\Recent")
            _idle(client, world)

    await asyncio.to_thread(talk)


def _idle(client: Any, world: World) -> None:
    client.idle()
    asyncio.run_coroutine_threadsafe(world.deliver(message("new")), world.loop).result(5)
    assert (151, b"EXISTS") in client.idle_check(timeout=5)
    client.idle_done()


async def test_starttls_forgets_what_came_in_the_clear(address: Address) -> None:
    """A command slipped in behind STARTTLS before TLS is up must never be answered (RFC 3501 6.2.1)."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    await reader.readline()
    writer.write(b"a STARTTLS\r\nb NOOP\r\n")
    assert (await reader.readline()).startswith(b"a OK")
    await writer.start_tls(address.trust, server_hostname=address.host)
    writer.write(b"c NOOP\r\n")
    assert (await reader.readline()).startswith(b"c OK")
    writer.close()


async def test_a_full_house_is_told(world: World, address: Address) -> None:
    """One address gets its share of connections and no more, and closed ones count no longer."""
    allowed = world.services.settings.connections_per_ip_max
    pairs = [await asyncio.open_connection(address.host, address.port) for _ in range(allowed + 1)]
    assert all([(await reader.readline()).startswith(b"* OK") for reader, _ in pairs[:-1]])
    assert (await pairs[-1][0].readline()).startswith(b"* BYE [LIMIT]")
    for _, writer in pairs:
        writer.close()
        await writer.wait_closed()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    assert (await reader.readline()).startswith(b"* OK")
    writer.close()
