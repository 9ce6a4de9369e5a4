"""What a connection does beside commands: order, time, bounds, goodbyes, secrets."""

import asyncio
import binascii
import hashlib
import hmac
from typing import cast

import pytest

from gateway.access import server
from gateway.access.connection import READ_AHEAD_BYTES, READ_BYTES, STRANGER_BYTES
from gateway.imap.connection import Connection
from gateway.imap.server import ImapServer
from gateway.imap.session import Session
from gateway.imap.settings import MEGABYTE as MIB
from mail.sasl import Binding
from tests.unit.gateway.imap.world import PASSWORD, Client, World, message


async def test_pipelined_commands_are_answered_in_their_order() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"".join(b"x%d STATUS INBOX (MESSAGES)\r\n" % number for number in range(50)))
        lines = [await client.line() for _ in range(100)]
        assert [line.split()[0] for line in lines[1::2]] == [b"x%d" % number for number in range(50)]


async def test_one_byte_at_a_time_is_the_same() -> None:
    async with World() as world:
        client = await world.connect("alice")
        for byte in b'x APPEND "INBOX" {7+}\r\na: b\r\n\r\r\ny CHECK\r\n':
            client.send(bytes((byte,)))
        assert (await client.line()).startswith(b"x OK [APPENDUID")
        assert (await client.line()).startswith(b"y BAD")


async def test_a_client_too_far_ahead_is_not_read() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"x NOOP\r\n" * (READ_AHEAD_BYTES // 4))
        assert client.pipe.paused
        await client.quiet()
        while client.pipe.paused:
            await asyncio.sleep(0)
        assert client.pipe.received.count(b"x OK") > READ_AHEAD_BYTES // 16


async def test_a_client_that_does_not_read_stops_its_fetch() -> None:
    """What is written ahead is a batch, not the mailbox."""
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"m{number}", "y" * 600_000))
        client = await world.connect("alice")
        await client.ok("EXAMINE INBOX")
        client.send(b"x FETCH 1:4 BODY.PEEK[]\r\n")
        client.connection.pause_writing()
        await client.quiet()
        assert client.connection.busy
        assert len(client.pipe.received) < 700_000
        client.connection.resume_writing()
        await client.quiet()
        assert len(client.pipe.received) > 2_400_000


async def test_a_client_that_does_not_read_has_no_further_command_obeyed() -> None:
    """However many it sends: their answers would have to be held. They come when it reads, and none is lost."""
    async with World() as world:
        client = await world.connect("alice")
        client.connection.pause_writing()
        client.send(b"".join(b"x%d CAPABILITY\r\n" % number for number in range(500)) + b"y LOGOUT\r\n")
        assert client.connection.eof_received()
        assert await client.quiet()
        assert not client.pipe.closed
        client.connection.resume_writing()
        lines = [line async for line in client.lines()]
        tags = [line.split()[0] for line in lines if not line.startswith(b"*")]
        assert tags == [*(b"x%d" % number for number in range(500)), b"y"]


async def test_a_client_that_never_reads_is_cut_off_whatever_it_sends() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.connection.pause_writing()
        client.send(b"x NOOP\r\n" * 10)
        await client.quiet()
        assert client.connection.deadline <= world.clock.monotonic() + world.services.settings.write_s


async def test_many_large_items_of_one_message_are_not_gathered() -> None:
    """A thousand times the largest message would be 50 GB."""
    async with World() as world:
        await world.deliver(message("m", "y" * 600_000))
        client = await world.connect("alice")
        await client.ok("EXAMINE INBOX")
        client.connection.pause_writing()
        items = " ".join(f"BODY.PEEK[]<{start}.600000>" for start in range(20))
        client.send(f"x FETCH 1 (UID {items})\r\n".encode())
        await client.quiet()
        assert len(client.pipe.received) < 700_000
        client.connection.resume_writing()
        await client.quiet()
        assert client.pipe.received.startswith(b"* 1 FETCH (UID 1 BODY[]<0> {600000}\r\n")
        assert client.pipe.received.endswith(b")\r\nx OK FETCH completed\r\n")
        assert client.pipe.received.count(b" BODY[]<") == 20


async def test_uploads_are_bounded_over_all_connections() -> None:
    """Who sends much is cut off when all have sent too much; ordinary mail comes through, and all is given back."""
    async with World(memory_bytes_max=4 * MIB) as world:
        clients = [await world.connect("alice") for _ in range(3)]
        for client in clients:
            client.send(b"x APPEND INBOX {3000000+}\r\n" + b"y" * (2 * MIB))
        assert (await clients[2].line()).startswith(b"* BYE [UNAVAILABLE]")
        assert await clients[0].quiet()
        other = await world.connect("alice")
        await other.ok(b"APPEND INBOX {100000+}\r\n" + b"y" * 100_000)
        clients[0].send(b"y" * (3_000_000 - 2 * MIB) + b"\r\n")
        assert (await clients[0].line()).startswith(b"x OK")
        clients[1].pipe.abort()
        assert await other.quiet()
        assert world.server._weight_bytes == 0


async def test_news_waits_for_an_idling_client_that_does_not_read() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        client.send(b"x IDLE\r\n")
        assert await client.line() == b"+ idling"
        client.connection.pause_writing()
        for number in range(5):
            await world.deliver(message(f"m{number}"))
        assert await client.quiet()
        client.connection.resume_writing()
        assert await client.line() == b"* 5 EXISTS"


@pytest.mark.parametrize(("login", "seconds"), [("", 60), ("alice", 1800)])
async def test_silence_has_its_time(login: str, seconds: int) -> None:
    """RFC 3501 5.4: a client that is logged in has thirty minutes, a stranger one."""
    async with World() as world:
        client = await world.connect(login)
        if not login:
            await client.line()
        world.clock.advance(seconds - 1)
        assert client.connection.deadline > world.clock.monotonic()
        world.clock.advance(2)
        assert client.connection.deadline < world.clock.monotonic()
        client.connection.expired()
        assert (await client.line()).startswith(b"* BYE")
        assert client.pipe.closed


async def test_a_stranger_that_is_never_silent_goes_all_the_same() -> None:
    """Three silences are there for a login, whatever is said in them; afterwards they do not count."""
    async with World() as world:
        stranger, client = await world.connect(), await world.connect()
        for _ in range(3):
            world.clock.advance(59)
            for one in (stranger, client):
                await one.ok("NOOP")
        assert stranger.connection.deadline == client.connection.deadline == world.clock.monotonic() + 3
        await client.ok(f"LOGIN alice {PASSWORD}")
        assert client.connection.deadline == world.clock.monotonic() + 1800
        world.clock.advance(4)
        stranger.connection.expired()
        assert (await stranger.line()).startswith(b"* BYE")


async def test_who_does_not_read_a_challenge_is_cut_off() -> None:
    """The time to read runs on while an answer is awaited, and after it."""
    async with World() as world:
        client = await world.connect()
        await client.line()
        client.send(b"x AUTHENTICATE LOGIN\r\n")
        assert await client.line() == b"+ VXNlcm5hbWU6"
        client.connection.pause_writing()
        client.send(b"YWxpY2U=\r\n")
        await client.quiet()
        assert client.connection.deadline <= world.clock.monotonic() + world.services.settings.write_s
        client.connection.resume_writing()
        assert await client.line() == b"+ UGFzc3dvcmQ6"
        client.send(b"d3Jvbmc=\r\n")
        client.connection.pause_writing()
        await client.quiet()
        assert client.connection.deadline <= world.clock.monotonic() + world.services.settings.write_s


async def test_a_stranger_is_read_less_than_a_client() -> None:
    async with World() as world:
        stranger, client = (await world.connect()).connection, (await world.connect("alice")).connection
        assert (len(stranger.get_buffer(-1)), len(client.get_buffer(-1))) == (STRANGER_BYTES, READ_BYTES)
        room = stranger.get_buffer(-1)
        room[:8] = b"x NOOP\r\n"
        stranger.buffer_updated(8)
        client.get_buffer(-1)[:8] = b"y" * 8  # the next to read writes over it
        await world.clients[0].line()
        assert await world.clients[0].line() == b"x OK NOOP completed"


async def test_a_slow_upload_is_no_silence() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"x APPEND INBOX {6+}\r\n")
        for byte in b"a: b\r\n\r\n":
            world.clock.advance(1000)
            assert client.connection.deadline > world.clock.monotonic()
            client.send(bytes((byte,)))
        assert (await client.line()).startswith(b"x OK")


async def test_stopping_says_bye_and_lets_a_command_end() -> None:
    async with World() as world:
        resting, busy = await world.connect("alice"), await world.connect("bob")
        busy.send(b"x SELECT INBOX\r\n")
        await world.server.close()
        assert (await resting.line()).startswith(b"* BYE [UNAVAILABLE]")
        lines = []
        while line := await busy.line():
            lines.append(line)
        assert lines[-2].startswith(b"x OK [READ-WRITE]")
        assert lines[-1].startswith(b"* BYE")


async def test_a_login_that_is_revoked_ends_what_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK_S", 0.01)
    async with World() as world:
        await world.deliver(message("m", "y" * 600_000))
        resting, idling, busy = [await world.connect("alice") for _ in range(3)]
        other = await world.connect("bob")
        for client in (idling, busy):
            await client.ok("SELECT INBOX")
        idling.send(b"i IDLE\r\n")
        assert (await idling.line()).startswith(b"+")
        left = await world.connect("alice")
        await left.ok("UNAUTHENTICATE")
        await asyncio.sleep(0.05)
        await resting.ok("NOOP")
        busy.send(b"x FETCH 1 BODY.PEEK[]\r\n")
        busy.connection.pause_writing()
        await busy.quiet()
        assert busy.connection.busy
        world.people.revoked.add("password of alice")
        goodbye = b"* BYE [EXPIRED] What you logged in with is good no more"
        assert await resting.line() == await idling.line() == goodbye
        assert await resting.line() == await idling.line() == b""
        busy.connection.resume_writing()
        while not busy.pipe.received.endswith(goodbye + b"\r\n"):
            await asyncio.sleep(0)
        assert busy.pipe.received.split(b"\r\n")[-3].startswith(b"x OK")
        await other.ok("NOOP")
        await left.ok("NOOP")
        other.pipe.close()
        left.pipe.close()
        await asyncio.sleep(0.01)
        assert not world.server._sentry._held


async def test_a_lost_connection_lets_its_mailbox_go() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        assert world.mail._views
        client.pipe.close()
        await client.quiet()
        assert not world.mail._views


async def test_a_connection_lost_in_a_command_lets_its_mailbox_go() -> None:
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"m{number}", "y" * 600_000))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        client.send(b"x FETCH 1:4 BODY.PEEK[]\r\n")
        client.connection.pause_writing()
        await client.quiet()
        assert client.connection.busy
        client.pipe.close()
        await client.quiet()
        assert not world.mail._views
        client.pipe.said.clear()  # half an answer: the client went away in the middle of it


async def test_a_client_that_has_said_all_still_hears_all() -> None:
    """`printf ... | nc` closes its half before the answers come."""
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"x SELECT INBOX\r\ny STATUS INBOX (MESSAGES)\r\n")
        assert client.connection.eof_received()
        lines = []
        while line := await client.line():
            lines.append(line)
        assert lines[-1].startswith(b"y OK")


async def test_a_client_that_leaves_while_asked_is_forgotten() -> None:
    async with World() as world:
        client = await world.connect()
        client.send(b"x AUTHENTICATE PLAIN\r\n")
        await client.quiet()
        client.connection.eof_received()
        while await client.line():
            pass
        assert client.pipe.closed
        assert not client.connection.busy


async def _scram(client: Client, mechanism: bytes, header: bytes, binding: bytes = b"") -> bytes:
    """RFC 5802 by hand: the server proves that it knows the password too. Its tagged answer."""
    bare = b"n=alice,r=clientnonce"
    client.send(b"x AUTHENTICATE " + mechanism + b" " + _b64(header + bare) + b"\r\n")
    line = await client.line()
    if not line.startswith(b"+ "):
        return line
    first = binascii.a2b_base64(line[2:])
    said = dict(item.split(b"=", 1) for item in first.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), binascii.a2b_base64(said[b"s"]), int(said[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    final = b"c=" + _b64(header + binding) + b",r=" + said[b"r"]
    whole = b",".join((bare, first, final))
    signature = hmac.digest(hashlib.sha256(key).digest(), whole, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    client.send(_b64(final + b",p=" + _b64(proof)) + b"\r\n")
    line = await client.line()
    if line.startswith(b"+ "):
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        expected = b"v=" + _b64(hmac.digest(server_key, whole, "sha256"))
        assert binascii.a2b_base64(line[2:]) == expected
        client.send(b"\r\n")
        line = await client.line()
    return line


async def test_scram_is_mutual() -> None:
    async with World() as world:
        client = await world.connect()
        await client.line()
        assert (await _scram(client, b"SCRAM-SHA-256", b"n,,")).startswith(b"x OK [CAPABILITY ")


async def test_scram_is_bound_to_the_connection_where_that_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5929, RFC 5802 6: what was bound elsewhere, or says that it could have been bound, is refused."""
    monkeypatch.setattr(Connection, "bindings", (Binding("tls-server-end-point", b"of this server"),))
    plus = b"SCRAM-SHA-256-PLUS"
    async with World(mechanisms=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), login_failures_max=10) as world:
        client = await world.connect()
        client.connection.secure = True
        await client.line()
        (capability, _answer) = await client.command("CAPABILITY")
        assert capability.endswith(b" AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256")
        for mechanism, header, binding in (
            (plus, b"p=tls-server-end-point,,", b"of another"),
            (b"SCRAM-SHA-256", b"y,,", b""),
            (plus, b"n,,", b""),
        ):
            answer = await _scram(client, mechanism, header, binding)
            assert answer.startswith(b"x NO [AUTHENTICATIONFAILED]"), answer
        assert (await _scram(client, plus, b"p=tls-server-end-point,,", b"of this server")).startswith(b"x OK ")


async def test_no_secret_and_no_content_is_logged() -> None:
    async with World() as world:
        await world.deliver(message("private subject"))
        client = await world.connect("alice")
        await client.command("LOGIN alice hush-hush")
        await client.ok("SELECT INBOX")
        await client.ok("FETCH 1 BODY[]")
        told = repr(world.log.lines)
        assert "imap.login" in told
        assert not any(word in told for word in (PASSWORD + "'", "hush-hush", "private subject"))
        assert all(line["conn"] for line in world.log.lines)


async def test_a_broken_client_is_sent_away() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"nonsense\r\n" * 60)
        lines = []
        while line := await client.line():
            lines.append(line)
        assert lines[-1].startswith(b"* BYE [CLIENTBUG]")
        assert len(lines) == 51


async def test_keywords_have_an_end() -> None:
    """RFC 5530 LIMIT, and \\* goes from PERMANENTFLAGS."""
    async with World() as world:
        await world.deliver(message())
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok(f"STORE 1 +FLAGS ({' '.join(f'k{number}' for number in range(58))})")
        assert (await client.command("STORE 1 +FLAGS (another)"))[-1].startswith(b"t NO [LIMIT]")
        assert (await client.command("APPEND INBOX (another) {5+}\r\na: b\n"))[-1].startswith(b"t NO [LIMIT]")
        assert not any(b"\\*" in line for line in await client.ok("SELECT INBOX"))


async def test_a_full_account_says_so() -> None:
    async with World() as world:
        world.people.accounts["alice"].quota_messages = 1
        client = await world.connect("alice")
        await client.ok("APPEND INBOX {5+}\r\na: b\n")
        assert (await client.command("APPEND INBOX {5+}\r\na: b\n"))[-1].startswith(b"t NO [OVERQUOTA]")


async def test_implicit_tls_needs_a_certificate() -> None:
    async with World() as world:
        with pytest.raises(ValueError, match="certificate"):
            await ImapServer(world.services).listen(None, implicit_tls=True)  # type: ignore[arg-type]


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


async def test_with_literal_minus_a_large_literal_has_to_wait() -> None:
    """RFC 7888 5: the BAD of an APPEND says TOOBIG; what was sent is passed over."""
    async with World(literals="minus") as world:
        client = await world.connect("alice")
        client.send(
            b"a APPEND INBOX {4097+}\r\n" + b"x" * 4097 + b"\r\nb APPEND INBOX {4096+}\r\n" + b"x" * 4096 + b"\r\n"
        )
        assert (await client.line()).startswith(b"a BAD [TOOBIG] ")
        assert (await client.line()).startswith(b"b OK [APPENDUID ")
        client.send(b"c UNAUTHENTICATE\r\nd LOGIN {4097+}\r\n" + b"x" * 4097 + b" demo\r\n")
        assert (await client.line()).startswith(b"c OK")
        assert (await client.line()).startswith(b"d BAD ")


async def test_a_stranger_again_has_a_strangers_bounds() -> None:
    """RFC 8437 3: also what the machine may hold, and the time between commands."""
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("UNAUTHENTICATE")
        assert client.connection.deadline == world.clock.monotonic() + world.services.settings.login_s
        client.send(b"a APPEND INBOX {10}\r\n")
        assert (await client.line()).startswith(b"a BAD ")
        client.send(b"b LOGIN alice " + b"x" * 10_000 + b"\r\n")
        assert await client.line() == b"b BAD The line is too long"


async def test_unauthenticate_forgets_what_was_enabled() -> None:
    async with World() as world:
        client = await world.connect("alice")
        session = cast("Session", client.connection._session)
        session.enabled = frozenset({"QRESYNC"})
        await client.ok("SELECT INBOX")
        await client.ok("UNAUTHENTICATE")
        assert session.enabled == frozenset()
        assert session.selection is None
        assert not len(world.mail._views)
