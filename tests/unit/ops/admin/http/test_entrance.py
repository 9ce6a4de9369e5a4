"""Who may ask: nobody over a line that others read, and no token that is too short to be one."""

import pytest

from cluster.config import Secret
from ops.admin.access import is_token
from tests.unit.ops.admin.http.world import World


@pytest.mark.parametrize("who", ["root", "token"])
async def test_over_a_line_that_others_read_nobody_is_known(who: str) -> None:
    async with World() as world:
        world.secure = False
        answer = await world.ask(who, "GET", "/api/v1/status")
        assert answer.status == 403
        assert b"TLS" in answer.body


async def test_who_is_no_administrator_is_told_to_the_log() -> None:
    async with World() as world:
        await world.ask("alice", "GET", "/api/v1/status")
        assert ("api.denied", {"conn": "c1", "login": "alice@example.org", "ip": "127.0.0.1"}) in world.log.said


@pytest.mark.parametrize("token", ["", "short"])
def test_no_token_is_none(token: str) -> None:
    assert not is_token(Secret(token), f"Bearer {token}")
    assert not is_token(Secret("x" * 32), f"Bearer {token}")
    assert is_token(Secret("x" * 32), "Bearer " + "x" * 32)
