"""Failed logins and connections of an account: what is told, what is looked at, and what is given back."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from actors.mailbox.client import Message
from cluster.errors import Unavailable
from gateway.logins import LoginSettings
from tests.unit.gateway.imap.world import ANSWER_S, PASSWORD, Client, World, message

HOME = "192.0.2.1"


class Few(World):
    """A server that takes few guesses."""

    login_settings = LoginSettings(failures_per_name_max=3, failures_per_network_max=5, failures_known_max=4)


def plain(name: str, password: str) -> str:
    return "AUTHENTICATE PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def bearer(name: str, token: str) -> str:
    said = f"n,a={name},\1auth=Bearer {token}\1\1"
    return "AUTHENTICATE OAUTHBEARER " + base64.b64encode(said.encode()).decode()


async def come(world: World, ip: str = HOME) -> Client:
    client = await world.connect()
    client.connection.ip = ip
    await client.line()
    return client


async def guess(world: World, name: str = "alice", *, ip: str = HOME) -> bytes:
    """The answer to a wrong password, by a connection of its own."""
    client = await come(world, ip)
    return (await client.command(f"LOGIN {name} wrong{len(world.clients)}"))[-1]


async def log_in(world: World, *, ip: str = HOME) -> bytes:
    return (await (await come(world, ip)).command(f"LOGIN alice {PASSWORD}"))[-1]


REFUSAL = b"t NO [UNAVAILABLE] Too many failed logins; try again in 15 minutes"


async def test_a_name_tried_too_often_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Few() as world:
        assert (await log_in(world)).startswith(b"t OK")
        for number in range(3):
            assert (await guess(world, ip=f"203.0.113.{number}")).startswith(b"t NO [AUTHENTICATIONFAILED]")
        looked: list[str] = []
        directory = world.services.directory

        async def never(login: str, *_: str) -> Any:
            looked.append(login)

        with monkeypatch.context() as context:
            for name in ("verify", "token", "scram", "principal"):
                context.setattr(directory, name, never)
            for command in (f"LOGIN alice {PASSWORD}", plain("alice", PASSWORD), bearer("alice", "token.of.alice")):
                stranger = await come(world, "198.51.100.1")
                assert (await stranger.command(command))[-1] == REFUSAL
            stranger = await come(world, "198.51.100.1")
            first = base64.b64encode(b"n,,n=alice,r=nonce").decode()
            assert (await stranger.command(f"AUTHENTICATE SCRAM-SHA-256 {first}"))[-1] == REFUSAL
        assert not looked
        assert (await log_in(world)).startswith(b"t OK")  # where she has been before
        world.clock.advance(901)
        assert (await log_in(world, ip="198.51.100.1")).startswith(b"t OK")


async def test_every_way_to_fail_counts() -> None:
    async with Few() as world:
        first = base64.b64encode(b"n,,n=alice,r=nonce").decode()
        client = await come(world)
        assert (await client.command("LOGIN alice wrong"))[-1].startswith(b"t NO [AUTH")
        assert (await client.command(plain("alice", "wronger")))[-1].startswith(b"t NO [AUTH")
        client = await come(world)
        client.send(f"t AUTHENTICATE SCRAM-SHA-256 {first}\r\n".encode())
        said = base64.b64decode((await client.line())[2:]).decode()
        nonce = said.split(",")[0]
        client.send(base64.b64encode(f"c=biws,{nonce},p=AAAA".encode()) + b"\r\n")
        assert (await client.line()).startswith(b"t NO [AUTH")
        assert (await guess(world)) == REFUSAL
        client = await come(world)  # of another name, and a token: two more for the network
        client.send(f"t {bearer('bob', 'no.token')}\r\n".encode())
        assert (await client.line()).startswith(b"+ ")
        client.send(b"AQ==\r\n")
        assert (await client.line()).startswith(b"t NO [AUTH")
        assert (await guess(world, "bob")).startswith(b"t NO [AUTH")
        assert (await guess(world, "carol")) == REFUSAL


async def test_what_is_no_guess_does_not_count() -> None:
    async with Few() as world:
        first = base64.b64encode(b"n,,n=alice,r=nonce").decode()
        for _ in range(3):
            client = await come(world)
            client.send(f"t AUTHENTICATE SCRAM-SHA-256 {first}\r\n".encode())
            assert (await client.line()).startswith(b"+ ")
            client.send(b"*\r\n")
            assert (await client.line()).startswith(b"t BAD")
            client.send(f"t AUTHENTICATE SCRAM-SHA-256 {first}\r\n".encode())
            assert (await client.line()).startswith(b"+ ")
            client.pipe.abort()
            client = await come(world)
            assert (await client.command(b'LOGIN alice "\xff"'))[-1].startswith((b"t NO", b"t BAD"))
            assert (await client.command("AUTHENTICATE PLAIN ====")).pop().startswith((b"t NO", b"t BAD"))
        async with asyncio.timeout(ANSWER_S):
            while world.services.logins._turns._taken:  # type: ignore[attr-defined]
                await asyncio.sleep(0)
        assert (await log_in(world)).startswith(b"t OK")


async def test_a_connection_that_is_refused_again_and_again_is_closed() -> None:
    async with Few() as world:
        for _ in range(3):
            await guess(world)
        client = await come(world)
        for _ in range(3):
            client.send(f"t LOGIN alice {PASSWORD}\r\n".encode())
        lines = [line async for line in client.lines()]
        assert lines == [REFUSAL, REFUSAL, b"* BYE Too many failed logins", REFUSAL]
        assert any(line["event"] == "imap.login_held_off" for line in world.log.lines)


async def test_while_counts_are_away_the_right_password_opens() -> None:
    async with Few() as world:
        world.tallies.trouble = Unavailable("Away.")
        for _ in range(6):
            assert (await guess(world)).startswith(b"t NO [AUTH")
        assert (await log_in(world)).startswith(b"t OK")


# -- connections of an account -----------------------------------------------------------------------------------------

LIMIT = b"t NO [LIMIT] This account has too many connections; close some, or try again later"


async def stopped(client: Client) -> None:
    client.connection.stop()


async def silent(client: Client) -> None:
    client.connection.expired()


async def cut(client: Client) -> None:
    client.pipe.abort()


async def cut_off_by_us(client: Client) -> None:
    client.connection.abort()


async def logged_out(client: Client) -> None:
    client.send(b"t LOGOUT\r\n")


async def at_its_end(client: Client) -> None:
    client.connection.eof_received()


async def killed_in_a_fetch(client: Client) -> None:
    """It waits for a client that does not read."""
    client.connection.pause_writing()
    client.send(b"t FETCH 1:* BODY.PEEK[]\r\n")
    await client.quiet()
    client.pipe.abort()


async def killed_idling(client: Client) -> None:
    client.send(b"t IDLE\r\n")
    await client.line()
    client.pipe.abort()


async def killed_with_half_a_command(client: Client) -> None:
    client.send(b"t APPEND INBOX {100000+}\r\nabc")
    client.pipe.abort()


async def speaking_nonsense(client: Client) -> None:
    client.send(b"nonsense\r\n" * 60)


async def without_its_mailbox(client: Client) -> None:
    client.session.bye("The selected mailbox was deleted")
    client.connection.close()


ENDS = [
    stopped,
    silent,
    cut,
    cut_off_by_us,
    logged_out,
    at_its_end,
    killed_in_a_fetch,
    killed_idling,
    killed_with_half_a_command,
    speaking_nonsense,
    without_its_mailbox,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_connection_counts_until_it_has_ended_whatever_way(end: Callable[[Client], Any]) -> None:
    async with World(connections_per_account_max=1) as world:
        for number in range(3):
            await world.deliver(message(f"m{number}", "y" * 600_000))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        other = await come(world)
        assert (await other.command(f"LOGIN alice {PASSWORD}"))[-1] == LIMIT
        await other.ok(f"LOGIN bob {PASSWORD}")
        await end(client)
        async with asyncio.timeout(ANSWER_S):
            while len(world.server._per_account) > 1 or client.connection.busy:
                await asyncio.sleep(0)
        assert not world.mail._views._views  # and what it had selected is given back
        assert (await log_in(world)).startswith(b"t OK")


async def test_a_handshake_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(connections_per_account_max=1) as world:
        client = await come(world)
        world.server.tls = object()  # type: ignore[assignment]

        async def fails(*_: object, **__: object) -> None:
            raise ConnectionResetError

        monkeypatch.setattr(asyncio.get_running_loop(), "start_tls", fails, raising=False)
        client.send(b"t STARTTLS\r\n")
        assert (await client.line()).startswith(b"t OK")
        async with asyncio.timeout(ANSWER_S):
            while not client.connection.lost:
                await asyncio.sleep(0)
        world.server.tls = None
        assert len(world.server._per_account) == 0
        assert (await log_in(world)).startswith(b"t OK")


async def test_too_many_connections_are_no_failed_logins_but_end_the_connection() -> None:
    async with Few(connections_per_account_max=1) as world:
        await world.connect("alice")
        for _ in range(3):
            client = await come(world)
            for _ in range(3):
                client.send(f"t LOGIN alice {PASSWORD}\r\n".encode())
            assert [line async for line in client.lines()].count(LIMIT) == 3
        assert (await guess(world)).startswith(b"t NO [AUTH")


async def test_who_unauthenticates_may_come_again() -> None:
    """RFC 8437: the place is given back, once, and a stranger has a stranger's time."""
    async with World(connections_per_account_max=1) as world:
        client = await world.connect("alice")
        world.clock.advance(1000)
        await client.ok("UNAUTHENTICATE")
        assert len(world.server._per_account) == 0
        assert client.connection.deadline == world.clock.monotonic() + 60
        await client.ok(f"LOGIN bob {PASSWORD}")
        await client.ok("SELECT INBOX")
        assert (await log_in(world)).startswith(b"t OK")
        assert len(world.server._per_account) == 2


async def test_a_command_that_is_told_of_a_lost_client_lets_its_mailbox_go() -> None:
    """The record of a message comes when its client has gone."""
    async with World() as world:
        await world.deliver(message())
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")

        async def lose() -> list[Message | None]:
            client.pipe.abort()
            await asyncio.sleep(0)
            return []

        world.mail.meanwhile = lose
        client.send(b"t FETCH 1 ENVELOPE\r\n")
        async with asyncio.timeout(ANSWER_S):
            while world.mail._views._views or client.connection.busy:
                await asyncio.sleep(0)
