"""What a connection does beside commands: order, time, bounds, goodbyes, secrets."""

import asyncio
import binascii
import hashlib
import hmac

import pytest

from gateway.access import server
from gateway.access.connection import READ_AHEAD_BYTES
from gateway.access.parts import MISTAKES_MAX
from mail.pop3.render import PIECE_BYTES
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.pop3.world import PASSWORD, World, message


async def test_pipelined_commands_are_answered_in_their_order() -> None:
    """RFC 2449 6.6: from the login to the goodbye in one packet."""
    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"m{number}"))
        client = await world.reader()
        client.send(b"USER alice\r\nPASS demo\r\nSTAT\r\nLIST 2\r\nDELE 1\r\nDELE 3\r\nSTAT\r\nQUIT\r\nSTAT\r\n")
        lines = [line.split()[:3] async for line in client.lines()]
        assert lines[3:5] == [[b"+OK", b"3", b"450"], [b"+OK", b"2", b"150"]]
        assert lines[7:] == [[b"+OK", b"1", b"150"], [b"+OK", b"Goodbye", b"(2"]]


async def test_a_login_in_steps_is_not_confused_by_what_follows_it() -> None:
    async with World() as world:
        client = await world.reader()
        client.send(b"AUTH PLAIN\r\nAGFsaWNlAGRlbW8=\r\nSTAT\r\n")
        assert [await client.line() for _ in range(4)][1:] == [b"+ ", b"+OK 0 messages (0 octets)", b"+OK 0 0"]


async def test_one_byte_at_a_time_is_the_same() -> None:
    async with World() as world:
        client = await world.reader()
        for byte in b"USER alice\r\nPASS demo\r\nSTAT\r\n":
            client.send(bytes((byte,)))
        assert [await client.line() for _ in range(4)][-1] == b"+OK 0 0"


async def test_a_client_too_far_ahead_is_not_read() -> None:
    async with World() as world:
        client = await world.reader("alice")
        client.send(b"NOOP\r\n" * (READ_AHEAD_BYTES // 4))
        assert client.pipe.paused
        while client.pipe.paused:
            await asyncio.sleep(0)
        assert client.pipe.received.count(b"+OK") > READ_AHEAD_BYTES // 16


async def test_a_client_that_does_not_read_stops_its_message() -> None:
    """What is written ahead is a piece, not the message and still less the mailbox."""
    async with World() as world:
        await world.deliver(message("large", "y" * 8 * PIECE_BYTES))
        client = await world.reader("alice")
        client.send(b"RETR 1\r\nRETR 1\r\n" + b"NOOP\r\n" * 1000)
        client.connection.pause_writing()
        await client.quiet()
        assert client.connection.busy
        assert len(client.pipe.received) < 2 * PIECE_BYTES
        client.connection.resume_writing()
        await client.quiet()
        while client.connection.busy:
            await asyncio.sleep(0)
        assert client.pipe.received.count(b"y") == 16 * PIECE_BYTES
        assert client.pipe.received.endswith(b"+OK\r\n" * 1000)


async def test_a_client_that_does_not_read_has_no_further_command_obeyed() -> None:
    async with World() as world:
        await world.deliver(message())
        client = await world.reader("alice")
        client.connection.pause_writing()
        client.send(b"CAPA\r\n" * 500 + b"DELE 1\r\nQUIT\r\n")
        assert client.connection.eof_received()
        assert await client.quiet()
        assert not client.pipe.closed
        client.connection.resume_writing()
        lines = [line async for line in client.lines()]
        assert lines.count(b".") == 500
        assert lines[-1] == b"+OK Goodbye (1 message removed)"


@pytest.mark.parametrize(("login", "seconds"), [("", 60), ("alice", 600)])
async def test_silence_has_its_time_and_ends_without_a_word(login: str, seconds: int) -> None:
    """RFC 1939 3: ten minutes, and then no response and no removal."""
    async with World() as world:
        await world.deliver(message())
        client = await world.reader(login)
        if login:
            await client.done("DELE 1")
        else:
            await client.line()
        world.clock.advance(seconds - 1)
        assert client.connection.deadline > world.clock.monotonic()
        world.clock.advance(2)
        assert client.connection.deadline < world.clock.monotonic()
        client.connection.expired()
        assert await client.line() == b""
        assert client.pipe.closed
        assert (await (await world.reader("alice")).say("STAT")).startswith(b"+OK 1 ")


async def test_a_client_that_never_reads_is_cut_off_whatever_it_sends() -> None:
    async with World() as world:
        client = await world.reader("alice")
        client.connection.pause_writing()
        client.send(b"NOOP\r\n" * 10)
        await client.quiet()
        assert client.connection.deadline <= world.clock.monotonic() + world.pop3.settings.write_s


async def test_stopping_says_so_and_lets_a_command_end() -> None:
    async with World() as world:
        await world.deliver(message())
        resting, leaving = await world.reader("bob"), await world.reader("alice")
        await leaving.done("DELE 1")
        leaving.send(b"QUIT\r\n")
        await world.pop3_server.close()
        assert await resting.line() == b"-ERR [SYS/TEMP] The server is stopping"
        assert [line async for line in leaving.lines()][-1] == b"+OK Goodbye (1 message removed)"


async def test_a_login_that_is_revoked_ends_what_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3206 5: the credentials are to be looked at."""
    monkeypatch.setattr(server, "LOOK_S", 0.01)
    async with World() as world:
        alice, bob = await world.reader("alice"), await world.reader("bob")
        world.people.revoked.add("password of alice")
        assert await alice.line() == b"-ERR [AUTH] What you logged in with is good no more"
        assert await alice.line() == b""
        assert await bob.say("NOOP") == b"+OK"


async def test_too_many_connections_are_told_instead_of_a_greeting() -> None:
    async with World(connections_per_ip_max=2) as world:
        for _ in range(2):
            await world.reader("alice")
        client = await world.reader()
        assert await client.line() == b"-ERR [SYS/TEMP] Too many connections from your address"
        assert client.pipe.closed


async def test_a_lost_connection_removes_nothing_and_lets_the_mailbox_go() -> None:
    async with World() as world:
        for number in range(2):
            await world.deliver(message(f"m{number}"))
        client = await world.reader("alice")
        await client.all("RETR 2")
        await client.done("DELE 1")
        client.pipe.close()
        await client.quiet()
        while client.connection.busy:
            await asyncio.sleep(0)
        assert not world.mail._views
        imap = await world.connect("alice")
        await imap.ok("SELECT INBOX")
        flags = [line for line in await imap.ok("FETCH 1:* FLAGS") if line.startswith(b"* ")]
        assert flags == [b"* 1 FETCH (FLAGS (\\Recent))", b"* 2 FETCH (FLAGS (\\Seen \\Recent))"]


async def test_a_connection_lost_in_a_message_lets_the_mailbox_go() -> None:
    async with World() as world:
        await world.deliver(message("large", "y" * 8 * PIECE_BYTES))
        client = await world.reader("alice")
        client.send(b"RETR 1\r\n")
        client.connection.pause_writing()
        await client.quiet()
        client.pipe.close()
        await client.quiet()
        while client.connection.busy:
            await asyncio.sleep(0)
        assert not world.mail._views


async def test_a_client_that_leaves_while_asked_is_forgotten() -> None:
    async with World() as world:
        client = await world.reader()
        client.send(b"AUTH PLAIN\r\n")
        await client.quiet()
        client.connection.eof_received()
        while await client.line():
            pass
        assert client.pipe.closed
        assert not client.connection.busy


async def test_scram_is_mutual() -> None:
    """RFC 5802 by hand: the server proves that it knows the password too."""
    async with World() as world:
        client = await world.reader()
        await client.line()
        bare = b"n=alice,r=clientnonce"
        first = binascii.a2b_base64((await client.say(b"AUTH SCRAM-SHA-256 " + _b64(b"n,," + bare)))[2:])
        said = dict(item.split(b"=", 1) for item in first.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), binascii.a2b_base64(said[b"s"]), int(said[b"i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        final = b"c=biws,r=" + said[b"r"]
        whole = b",".join((bare, first, final))
        signature = hmac.digest(hashlib.sha256(key).digest(), whole, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        expected = b"v=" + _b64(hmac.digest(server_key, whole, "sha256"))
        assert binascii.a2b_base64((await client.say(_b64(final + b",p=" + _b64(proof))))[2:]) == expected
        assert (await client.say(b"")).startswith(b"+OK")


async def test_an_answer_as_long_as_a_token_is_taken_and_a_longer_one_is_not() -> None:
    async with World() as world:
        client = await world.reader()
        await client.line()
        for size, wanted in ((9_000, b"+OK"), (9_300, b"-ERR")):
            assert await client.say("AUTH XOAUTH2") == b"+ "
            token = b"user=alice\1auth=Bearer token.of.alice" + b" " * size + b"\1\1"
            assert (await client.say(_b64(token))).startswith(wanted)
            client = await world.reader()
            await client.line()


async def test_no_secret_and_no_content_is_logged() -> None:
    async with World() as world:
        await world.deliver(message("private subject"))
        client = await world.reader()
        await client.line()
        await client.say("USER alice")
        await client.say("PASS hush-hush")
        await client.say("AUTH PLAIN " + _b64(b"\0alice\0hush-hush").decode())
        await client.say("USER alice")
        await client.done(f"PASS {PASSWORD}")
        await client.all("RETR 1")
        await client.say("QUIT")
        await client.quiet()
        told = repr(world.log.lines)
        for event in ("pop3.open", "pop3.login_failed", "pop3.login", "pop3.close"):
            assert event in told
        assert not any(word in told for word in (PASSWORD + "'", "hush-hush", "private subject"))
        assert all(line["conn"] for line in world.log.lines)


async def test_a_broken_client_is_sent_away() -> None:
    async with World() as world:
        client = await world.reader("alice")
        client.send(b"nonsense\r\n" * 60)
        lines = [line async for line in client.lines()]
        assert lines == [b"-ERR Unknown command"] * MISTAKES_MAX + [b"-ERR Too many commands that make no sense"]


async def test_a_long_line_is_refused_and_the_session_goes_on() -> None:
    async with World() as world:
        client = await world.reader("alice")
        client.send(b"STAT " + b"x" * 200_000)
        client.send(b"x\r\nSTAT\r\n")
        assert await client.line() == b"-ERR The line is too long"
        assert await client.line() == b"+OK 0 0"


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r", b"\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\0"])
async def test_no_message_ends_a_response_too_early(end: bytes) -> None:
    """Whatever is stored, and however a client tells lines apart."""
    async with World() as world:
        content = b"Subject: x\r\n\r\n.\r\n..\r\nfrom here\n.\r\n.\n\r.\r\rto there" + end
        await world.mail.deliver(ALICE, await world.mail.prepare(content))
        client = await world.reader("alice")
        for command in (b"RETR 1\r\n", b"TOP 1 100\r\n"):
            client.send(command + b"NOOP\r\n")
            await client.quiet()
            said, client.pipe.received[:] = bytes(client.pipe.received), b""
            head, body = said.split(b"\r\n", 1)
            assert head in (b"+OK %d octets" % len(content), b"+OK")
            assert body.endswith(b"\r\n.\r\n+OK\r\n")
            assert b"." not in body.removesuffix(b"\r\n.\r\n+OK\r\n").replace(b"\r", b"\n").split(b"\n")
            assert body.count(b".\r\n+OK") == 1


async def test_a_message_is_what_was_stored() -> None:
    async with World() as world:
        contents = [message("dots", ".\r\n..\r\nand.so\r\n.on\r\n"), message("none", ""), b"", b".", b"no: end"]
        for content in contents:
            await world.mail.deliver(ALICE, await world.mail.prepare(content))
        client = await world.reader("alice")
        for number, content in enumerate(contents, 1):
            lines = content.removesuffix(b"\r\n").split(b"\r\n") if content else []
            assert await client.all(f"RETR {number}") == lines


async def test_a_long_listing_comes_whole() -> None:
    async with World() as world:
        raw = await world.mail.prepare(message())
        for _ in range(2500):
            await world.mail.deliver(ALICE, raw)
        client = await world.reader("alice")
        for number in (7, 2500):
            await client.done(f"DELE {number}")
        listed = [line.split() for line in await client.all("LIST")]
        assert [int(number) for number, _ in listed] == [n for n in range(1, 2500) if n != 7]
        unique = [line.split()[1] for line in await client.all("UIDL")]
        assert len(set(unique)) == len(unique) == 2498


async def test_top_counts_lines_of_the_body() -> None:
    async with World() as world:
        await world.deliver(message("top", "one\r\n.two\r\n\r\nfour"))
        client = await world.reader("alice")
        wanted = [b"one", b".two", b"", b"four"]
        for lines in range(6):
            assert (await client.all(f"TOP 1 {lines}"))[6:] == wanted[:lines]


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)
