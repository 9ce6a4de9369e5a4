"""The API of a running server keeps to its description; what is done over it is one with what gRPC does."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ops.cli.connect import connect
from tests.peopled import HOST
from tests.system.api.examine import BASIC, TOKEN, Served, examine, served
from wire import admin_pb2 as pb

FEW = ("--max-examples", "1", "--seed", "1", "--phases")  # the rest: tests.system.api.examine


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("reading"), writes=False) as server:
        yield server


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("writing"), writes=True) as server:
        yield server


def ask(server: Served, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status, and the answer's JSON."""
    connection = http.client.HTTPSConnection(HOST, server.port, timeout=30, context=server.trust)
    said = {"Authorization": BASIC, "Content-Type": "application/json", **headers}
    connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, said)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


async def test_a_change_is_the_same_over_http_and_grpc(writing: Served) -> None:
    status, made = ask(writing, "POST", "/groups", {"address": "both@example.org", "members": ["alice@example.org"]})
    assert (status, made["kind"]) == (201, "group")
    async with connect(writing.running.data) as admin:
        entry = await admin.directory.GetEntry(pb.GetEntryRequest(kind=pb.ENTRY_KIND_GROUP, address="both@example.org"))
        assert list(entry.members) == made["members"]
        changes = [change async for change in admin.audit.ListChanges(pb.ListChangesRequest(limit=1000))]
    assert [(one.who, one.outcome) for one in changes if "both@example.org" in one.request] == [
        ("account:anna@example.test", "done")
    ]


def test_a_large_body_is_refused(writing: Served) -> None:
    status, problem = ask(writing, "POST", "/groups", {"address": "x" * 2_000_000})
    assert (status, problem["status"]) == (413, 413)


@pytest.mark.timeout(300)
def test_it_tells_and_changes_nothing(reading: Served) -> None:
    done = examine(reading, BASIC, *FEW, "examples,fuzzing")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert ask(reading, "GET", "/changes") == (200, {"items": []})


@pytest.mark.timeout(300)
def test_it_keeps_to_its_description(writing: Served) -> None:
    # By the token: what is asked may well remove every administrator.
    done = examine(writing, f"Bearer {TOKEN}", *FEW, "examples,coverage,stateful")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    status, changes = ask(writing, "GET", "/changes?limit=1000", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert any(one["outcome"] == "done" for one in changes["items"])
    assert not [one for one in changes["items"] if one["outcome"] in ("internal", "begun")]
