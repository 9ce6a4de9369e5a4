"""Traces for operators: what is noted of messages, as it is noted.

The law: nothing is interpreted here; words are made by who shows it.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import orjson

from actors.trace.client import Story, TraceClient
from actors.trace.types import Fact, Note
from ops.admin.directory import Unclear
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
STORIES: Final = 10  # unless asked for another number
STORIES_MAX: Final = 1000
WORD_CHARS_MAX: Final = 1000


class TraceService(admin_pb2_grpc.TracesServicer):
    """The calls of rookery.admin.v1.Traces, as the schema tells them."""

    def __init__(self, traces: TraceClient) -> None:
        self._traces = traces

    async def Why(self, request: pb.WhyRequest, context: Context) -> AsyncIterator[pb.Story]:
        """The newest messages first."""
        if not request.word.strip() or len(request.word) > WORD_CHARS_MAX:
            raise Unclear("Name a message: by its Message-ID, a queue id, an address, or our name of it in the log.")
        for story in await self._traces.find(request.word, min(request.limit or STORIES, STORIES_MAX)):
            yield _story(story)


def _story(story: Story) -> pb.Story:
    return pb.Story(ident=story.ident, notes=[_note(note) for note in story.notes])


def _note(note: Note) -> pb.Note:
    return pb.Note(
        step=note.step,
        at_ms=note.at_ms,
        message_id=note.message_id,
        sender=note.sender,
        recipients=note.recipients,
        queue_ids=[name.hex() for name in note.queue_ids],
        how=note.how,
        facts=[_fact(fact) for fact in note.facts],
    )


def _fact(fact: Fact) -> pb.Fact:
    of = orjson.dumps(fact.of, option=orjson.OPT_NON_STR_KEYS, default=str).decode()
    return pb.Fact(what=fact.what, how=fact.how, at_ms=fact.at_ms, of=of)
