"""Who may ask: nobody over a line that others read, and no token that is too short to be one."""

import pytest

from actors.directory import totp
from cluster.config import Secret
from ops.admin.access import is_token
from tests.unit.ops.admin.http.world import ROOT, World


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
    for shown in ("Bearer ", "bearer ", "BEARER  "):
        assert is_token(Secret("x" * 32), shown + "x" * 32)
    for shown in ("", "Basic ", "Bearerx ", "Bearer x"):
        assert not is_token(Secret("x" * 32), shown + "x" * 32)


async def test_a_password_alone_is_not_enough_where_there_is_a_second_factor() -> None:
    async with World() as world:
        directory = world.core.directory
        secret = directory.new_secret()
        code = totp.code_at(secret, world.clock.now_ms() // 1000 // totp.STEP_S)
        await directory.add_second_factor(ROOT, secret, code)
        assert (await world.ask("root", "GET", "/api/v1/status")).status == 401
        answer = await world.ask("token", "DELETE", f"/api/v1/accounts/{ROOT}/second-factor")
        assert answer.status == 204
        assert (await world.ask("root", "GET", "/api/v1/status")).status == 200
