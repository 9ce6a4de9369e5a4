"""Requests as HTTP carries them."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from gateway.oauth.parts import BODY_BYTES_MAX, Reply
from gateway.oauth.web import handlings
from tests.unit.gateway.oauth.world import FORM, World


class Carried:
    """A request."""

    def __init__(self, method: str, body: bytes = b"", content_type: str = "", **headers: str) -> None:
        self.method = method
        self.ip = "192.0.2.1"
        self.secure = True
        self.query: Mapping[str, Sequence[str]] = {}
        self.content_type = content_type
        self.limit = 0
        self._headers = headers | ({"content-type": f"{content_type}; charset=utf-8"} if content_type else {})
        self._body = body

    def header(self, name: str) -> str:
        return self._headers.get(name, "")

    async def body(self, limit: int) -> bytes:
        self.limit = limit
        return self._body


async def ask(world: World, path: str, carried: Carried) -> Reply:
    (one,) = [each for each in handlings(world.services) if (each.path, each.method) == (path, carried.method)]
    return await one.handler(carried)


async def test_a_form_and_what_is_none() -> None:
    async with World() as world:
        body = b'{"redirect_uris": ["http://127.0.0.1/"]}'
        carried = Carried("POST", body, "application/json")
        client_id = msgspec.json.decode((await ask(world, "/oauth/register", carried)).body)["client_id"]
        assert carried.limit == BODY_BYTES_MAX
        form = f"grant_type=refresh_token&refresh_token=x+y&client_id={client_id}".encode()
        reply = await ask(world, "/oauth/token", Carried("POST", form, FORM))
        assert msgspec.json.decode(reply.body)["error"] == "invalid_grant"
        reply = await ask(world, "/oauth/token", Carried("POST", form, "text/plain"))
        assert msgspec.json.decode(reply.body)["error"] == "invalid_request"


async def test_nothing_is_answered_where_others_can_read_along() -> None:
    async with World() as world:
        carried = Carried("GET")
        carried.secure = False
        assert (await ask(world, "/account", carried)).status == 403


@pytest.mark.parametrize("body", [b"login=%FF", b"login=\xff", b"&".join(b"a=1" for _ in range(61))])
async def test_what_cannot_be_read(body: bytes) -> None:
    async with World() as world:
        assert (await ask(world, "/oauth/token", Carried("POST", body, FORM))).status == 400
        page = await ask(world, "/account", Carried("POST", body, FORM))
        assert page.status == 400
        assert page.content_type.startswith("text/html")


async def test_only_programs_may_ask_from_other_origins_and_a_page_reads_its_cookie() -> None:
    async with World() as world:
        for one in handlings(world.services, ("/jmap/session",)):
            assert one.cors != (one.path in ("/oauth/authorize", "/device", "/account"))
        page = await ask(world, "/account", Carried("GET"))
        cookie = dict(page.headers)["Set-Cookie"].partition(";")[0]
        assert "Set-Cookie" not in dict((await ask(world, "/account", Carried("GET", cookie=cookie))).headers)
