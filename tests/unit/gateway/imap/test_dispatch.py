"""Which handler obeys a command, and what happens where there is none."""

import pytest

from gateway.imap import dispatch
from mail.imap import commands
from tests.unit.gateway.imap.world import World


async def test_a_command_without_a_rule_is_as_unknown_as_any_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(dispatch.RULES, commands.Namespace)
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"a NAMESPACE\r\n")
        assert await client.line() == b"a BAD Unknown command"
        await client.ok("NOOP")
