"""Why, over the admin service: by any word, as JSON, within bounds."""

from pathlib import Path

import grpc
import orjson
import pytest

from actors.trace.types import Fact, Note
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import connect
from ops.core import Core
from wire import admin_pb2 as pb


async def asked(parts: Core, tmp_path: Path, **request: object) -> list[pb.Story]:
    server = AdminServer.over(parts, tmp_path / SOCKET, version="1", drain_s=1)
    await server.start()
    try:
        async with connect(tmp_path) as admin:
            return [story async for story in admin.traces.Why(pb.WhyRequest(**request))]  # type: ignore[arg-type]
    finally:
        await server.stop()


async def test_a_story_comes_whole(parts: Core, tmp_path: Path) -> None:
    fact = Fact("spf", "pass", 3, {"record": "v=spf1 -all", "answers": ["a"]})
    await parts.traces.note(Note("a.1", "intake", 5, "m@x", "s@x", ("r@y",), (b"\1\2",), "accepted", (fact,)))
    (story,) = await asked(parts, tmp_path, word="R@y")
    (note,) = story.notes
    assert (story.ident, note.step, note.how, list(note.queue_ids)) == ("a.1", "intake", "accepted", ["0102"])
    assert orjson.loads(note.facts[0].of) == fact.of
    assert await asked(parts, tmp_path, word="unknown") == []


@pytest.mark.parametrize("word", ["", " ", "x" * 2000])
async def test_what_is_no_word_is_refused(parts: Core, tmp_path: Path, word: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked(parts, tmp_path, word=word)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
