"""Troubles as problems: the status that fits, the sentence that gRPC has, nothing of what ails us."""

import orjson
import pytest

from cluster.errors import (
    AlreadyExists,
    Corrupt,
    Misconfigured,
    NoRight,
    NotFound,
    OverQuota,
    Refused,
    Stale,
    TooLarge,
    Trouble,
    Unavailable,
)
from gateway.logins import TooManyFailures
from gateway.web.answers import Answer, HttpError
from ops.admin.errors import Unclear
from ops.admin.http.problems import of_defect, of_http, of_trouble
from tests.unit.ops.admin.http.world import World


@pytest.mark.parametrize(
    ("trouble", "status", "fault", "retry"),
    [
        (NotFound("None."), 404, "peer", False),
        (AlreadyExists("Is."), 409, "peer", False),
        (Stale("Old."), 412, "peer", False),
        (NoRight("No."), 403, "policy", False),
        (Unclear("What?"), 422, "peer", False),
        (Refused("Not so."), 409, "policy", False),
        (Misconfigured("Not so."), 409, "policy", False),
        (OverQuota("Full."), 409, "policy", True),
        (TooLarge("Much."), 422, "us", False),
        (Corrupt("Broken."), 500, "us", False),
        (Unavailable("Away."), 503, "us", True),
        (TooManyFailures(61.0, log="x"), 429, "peer", True),
        (Trouble("?"), 503, "us", True),
    ],
)
def test_each_has_its_status(trouble: Trouble, status: int, fault: str, retry: bool) -> None:
    answer = of_trouble(trouble).answer
    assert isinstance(answer.body, bytes)
    told = orjson.loads(answer.body)
    assert (answer.status, told["status"], told["fault"], told["retry"]) == (status, status, fault, retry)
    assert ("Retry-After" in dict(answer.headers)) is (status in (429, 503))


def test_what_the_web_server_refuses_keeps_its_headers() -> None:
    problem = of_http(HttpError(405, headers=(("Allow", "GET"),)))
    assert problem.told["detail"] == "Method Not Allowed."
    assert problem.answer.headers == (("Allow", "GET"),)


async def test_of_a_defect_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:

        async def broken(request: object, context: object) -> Answer:
            raise ZeroDivisionError("a secret")

        monkeypatch.setattr(world.api._servicers["Server"], "GetStatus", broken)
        answer = await world.ask("root", "GET", "/api/v1/status")
    assert (answer.status, answer.body) == (500, of_defect().answer.body)


async def test_a_call_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:

        async def slow(request: object, context: object) -> Answer:
            raise TimeoutError  # as asyncio.timeout says it

        monkeypatch.setattr(world.api._servicers["Server"], "GetStatus", slow)
        answer = await world.ask("root", "GET", "/api/v1/status")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
