"""The OpenAPI document: what it says of requests and answers is what is taken and told."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ops.admin.http.description import DOCUMENT
from ops.admin.http.document import document
from ops.admin.http.operations import PREFIX
from ops.admin.http.table import OPERATIONS
from tests.unit.ops.admin.http.world import World

TOLD: Any = orjson.loads(DOCUMENT.read_bytes())
OPERATION: Any = {(method.upper(), path): one for path, row in TOLD["paths"].items() for method, one in row.items()}


def referred(value: Any) -> Iterator[str]:
    """All that is pointed at."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for one in value.values():
            yield from referred(one)
    elif isinstance(value, list):
        for one in value:
            yield from referred(one)


def test_what_is_pointed_at_is_there() -> None:
    for pointer in set(referred(TOLD)):
        found = TOLD
        for name in pointer.removeprefix("#/").split("/"):
            found = found[name]
        assert found


def test_each_operation_is_told_with_its_places() -> None:
    assert OPERATION.keys() == {(one.method, PREFIX + one.path) for one in OPERATIONS}
    for (_method, path), one in OPERATION.items():
        places = {name["name"] for name in one.get("parameters", ()) if name["in"] == "path"}
        assert places == set(re.findall(r"\{(\w+)\}", path))
        assert one["summary"].endswith(".")
        assert {"401", "403", "422", "503"} <= one["responses"].keys()


def test_links_fill_the_places_of_operations() -> None:
    ids = {one["operationId"]: path for (_method, path), one in OPERATION.items()}
    links = [
        link
        for one in OPERATION.values()
        for told in one["responses"].values()
        for link in told.get("links", {}).values()
    ]
    assert len(links) > 50
    for link in links:
        assert link["parameters"].keys() == set(re.findall(r"\{(\w+)\}", ids[link["operationId"]]))


def test_comments_of_the_schema_are_descriptions() -> None:
    separator = TOLD["components"]["schemas"]["Domain"]["properties"]["separator"]
    assert separator["description"] == "before a subaddress (RFC 5233); empty: there are none"
    assert "REROUTE" not in TOLD["components"]["schemas"]["Account"]["properties"]["id"].get("description", "")
    assert TOLD["components"]["schemas"]["Account"]["properties"]["id"]["pattern"] == "^[0-9a-f]{16}$"
    bare = document({})
    assert "description" not in bare["components"]["schemas"]["Domain"]["properties"]["separator"]


def test_what_is_given_may_lack_anything_and_what_is_told_has_it_all() -> None:
    schemas = TOLD["components"]["schemas"]
    assert set(schemas["RewriteRule"]["required"]) == {"pattern", "replacement"}
    assert "required" not in schemas["RewriteRuleGiven"]
    assert schemas["RewriteRuleGiven"]["additionalProperties"] is False
    change = OPERATION["PATCH", "/api/v1/domains/{name}"]["requestBody"]["content"]["application/json"]["schema"]
    assert change["properties"]["rewrites"]["type"] == "array"  # not the message around it
    assert "usage" not in schemas["Account"]["required"]


@pytest.mark.parametrize("cluster", [False, True])
async def test_a_server_tells_of_what_it_has(cluster: bool) -> None:
    async with World(cluster=cluster) as world:
        told = orjson.loads((await world.ask("nobody", "GET", "/api/v1/openapi.json")).body)
        page = (await world.ask("nobody", "GET", "/api/v1")).body.decode()
        answer = await world.ask("root", "GET", "/api/v1/cluster")
    assert ("/api/v1/cluster" in told["paths"]) is cluster
    assert ("GET /api/v1/cluster</code>" in page) is cluster
    assert (answer.status == 200) is cluster
    assert told["info"]["x-server-version"] == "1.2.3"
    assert ("Cluster" in [tag["name"] for tag in told["tags"]]) is cluster
