"""Failed logins and connections of an account, in POP3's words; what counts is gateway/logins.py's."""

import base64

import pytest

from gateway.logins import LoginSettings
from tests.unit.gateway.pop3.world import PASSWORD, World


class Few(World):
    """Servers that take few guesses."""

    login_settings = LoginSettings(failures_per_name_max=3, failures_per_network_max=10)


PLAIN = base64.b64encode(b"\0alice\0demo").decode()
REFUSAL = b"-ERR [SYS/TEMP] Too many failed logins; try again in 15 minutes"


async def test_guesses_count_with_those_of_imap() -> None:
    async with Few() as world:
        for number in range(2):
            client = await world.reader()
            await client.line()
            await client.done("USER alice")
            assert (await client.say(f"PASS wrong{number}")).startswith(b"-ERR [AUTH]")
        reader = await world.connect()
        assert (await reader.command("LOGIN alice wronger"))[-1].startswith(b"t NO [AUTHENTICATIONFAILED]")
        client = await world.reader()
        await client.line()
        await client.done("USER alice")
        assert await client.say(f"PASS {PASSWORD}") == REFUSAL
        assert await client.say(f"AUTH PLAIN {PLAIN}") == REFUSAL
        await client.done("USER alice")
        assert await client.say(f"PASS {PASSWORD}") == REFUSAL
        assert await client.line() == b""  # that was once too often
        assert (await reader.command(f"LOGIN alice {PASSWORD}"))[-1].startswith(b"t NO [UNAVAILABLE]")
        world.clock.advance(901)
        await world.reader("alice")


async def test_an_account_has_so_many_connections() -> None:
    async with World(connections_per_account_max=2) as world:
        held = [await world.reader("alice") for _ in range(2)]
        client = await world.reader()
        await client.line()
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith(b"-ERR [SYS/TEMP] This account has too many")
        await held[0].done("QUIT")
        held[1].pipe.abort()
        assert await held[1].quiet()
        for _ in range(2):
            await world.reader("alice")


async def test_a_maildrop_that_does_not_open_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(connections_per_account_max=1) as world:
        client = await world.reader()
        await client.line()

        async def fails(*_: object, **__: object) -> None:
            raise OSError("broken")

        with monkeypatch.context() as context:
            context.setattr(world.mail, "select", fails)
            assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith(b"-ERR")
        await client.done(f"AUTH PLAIN {PLAIN}")
