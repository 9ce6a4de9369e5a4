"""Cases as files: what is asked over HTTP, and what is answered.

    # a remark
    world cluster writes=false      another server, from here on (world.World's settings)
    == alice                        who asks from here on (world.PROOFS)
    from 192.0.2.1                  where from
    wait 86400                      so many seconds pass
    > PATCH /domains/example.org    a request below /api/v1
    | If-Match: $tag                with such headers
    {"catch_all": "x@example.org"}  and such a body, up to an empty line; what is no JSON goes as it is
    < 200                           the answer's status
    | ETag: $tag                    with such headers; `!ETag:`: without
    {"name": "example.org", "...": 0}

In what is expected, "*" is any value, "$name" any value that is called so from then on, and the same value later; an
object with a member "...": 0 may have others too. In what is asked ${name} stands for the value; $entry is the queue's.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ops.admin.http.operations import PREFIX
from ops.admin.http.table import OPERATIONS
from tests.unit.ops.admin.http.world import Response, World

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
_WITHIN = re.compile(r"\$\{(\w+)\}")
_ASKED = re.compile(r"(?m)^> (\w+) ([^?\s]+)")


class Case:
    """One file being played."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.who = "root"
        self.named: dict[str, Any] = {}
        self.answer = Response(0, {}, b"")

    async def play(self, text: str) -> None:
        """Line by line."""
        self.named["entry"] = self.world.entry
        lines = iter(enumerate(text.splitlines(), 1))
        for number, line in lines:
            word, _, rest = line.partition(" ")
            match word:
                case "" | "#":
                    continue
                case "world":
                    await self._another(rest.split())
                case "==":
                    self.who = rest
                case "from":
                    self.world.ip = rest
                case "wait":
                    self.world.clock.advance(float(rest))
                case ">":
                    method, path = self._filled(rest).split(" ")
                    headers, body = block(lines)
                    said = {name.lower(): self._filled(value) for name, value in headers}
                    path = path if path.startswith("//") else PREFIX + path
                    self.answer = await self.world.ask(self.who, method, path, self._filled(body).encode(), **said)
                case "<":
                    headers, body = block(lines)
                    self._check(int(rest), headers, body, f"line {number}")
                case _:
                    raise ValueError(f"line {number}: {line}")

    async def _another(self, words: list[str]) -> None:
        """A world of its own; the one before ends."""
        await self.world.__aexit__()
        settings: dict[str, Any] = {}
        for word in words:
            name, equals, value = word.partition("=")
            settings[name] = orjson.loads(value) if equals else True
        self.world = World(**settings)
        await self.world.__aenter__()
        self.named = {"entry": self.world.entry}

    def _check(self, status: int, headers: list[tuple[str, str]], body: str, where: str) -> None:
        found = self.answer
        assert found.status == status, f"{where}: {found}"
        for name, value in headers:
            if name.startswith("!"):
                assert name[1:].lower() not in found.headers, f"{where}: {found.headers}"
            else:
                self._compare(value, found.headers.get(name.lower()), f"{where}: {name}")
        if status >= 400 and "problem" not in found.headers.get("content-type", ""):
            raise AssertionError(f"{where}: it is no problem: {found}")
        if body.startswith(("{", "[")):
            self._compare(orjson.loads(body), orjson.loads(found.body), where)
        elif body:
            assert body in found.body.decode(), f"{where}: {found.body.decode()}"
        if found.headers.get("content-type", "").endswith("json"):
            described(found)

    def _filled(self, text: str) -> str:
        return _WITHIN.sub(lambda match: str(self.named[match[1]]), text)

    def _compare(self, expected: Any, found: Any, where: str) -> None:
        """Raises AssertionError, with the place."""
        if expected == "*":
            assert found is not None, where
        elif isinstance(expected, str) and expected[:1] == "$" and expected[1:].isidentifier():
            known = self.named.setdefault(expected[1:], found)
            assert found == known, f"{where}: {found!r} is not {expected} = {known!r}"
        elif isinstance(expected, dict) and isinstance(found, dict):
            wanted = dict(expected)
            if wanted.pop("...", None) is None:
                assert wanted.keys() == found.keys(), f"{where}: {sorted(found)} are not {sorted(wanted)}: {found}"
            for name, one in wanted.items():
                assert name in found, f"{where}: no {name} in {found}"
                self._compare(one, found[name], f"{where}/{name}")
        elif isinstance(expected, list) and isinstance(found, list):
            assert len(found) == len(expected), f"{where}: {found} are not {len(expected)}"
            for place, (one, other) in enumerate(zip(expected, found, strict=True)):
                self._compare(one, other, f"{where}/{place}")
        else:
            filled = self._filled(expected) if isinstance(expected, str) else expected
            assert type(found) is type(filled), f"{where}: {found!r} is not {filled!r}"
            assert found == filled, f"{where}: {found!r} is not {filled!r}"


def described(found: Response) -> None:
    """A problem has what every problem has."""
    if found.status >= 400:
        told = orjson.loads(found.body)
        assert told["status"] == found.status
        assert told["detail"]
        assert told["fault"] in ("peer", "policy", "us")


def block(lines: Iterator[tuple[int, str]]) -> tuple[list[tuple[str, str]], str]:
    """Headers, and the text up to an empty line."""
    headers, body = [], []
    for _number, line in lines:
        if not line:
            break
        if line.startswith("| "):
            name, _, value = line[2:].partition(": ")
            headers.append((name, value))
        else:
            body.append(line)
    return headers, "\n".join(body)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
async def test_case(path: Path) -> None:
    case = Case(World())
    await case.world.__aenter__()
    try:
        await case.play(path.read_text())
    finally:
        await case.world.__aexit__()


def test_every_operation_has_a_case() -> None:
    asked = {found for path in CASES for found in _ASKED.findall(path.read_text())}

    def fits(path: str, template: str) -> bool:
        return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path) is not None

    missing = [
        f"{one.method} {one.path}"
        for one in OPERATIONS
        if not any(method == one.method and fits(path, one.path) for method, path in asked)
    ]
    assert not missing
