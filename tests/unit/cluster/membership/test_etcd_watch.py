"""What a watch makes of etcd's answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from cluster.errors import Refused, Unavailable
from cluster.membership.etcd_connection import Connection
from cluster.membership.etcd_watch import EtcdWatch, by_revision, prefix_end
from cluster.membership.registry import Entry, Snapshot, Update
from cluster.membership.watching import PENDING_MAX
from tests.virtual import run
from wire import etcd_pb2 as pb

START = 10


def test_the_end_of_a_prefix() -> None:
    assert prefix_end(b"/a/") == b"/a0"
    assert prefix_end(b"a\xff\xff") == b"b"
    assert prefix_end(b"") == prefix_end(b"\xff") == b"\0"


def event(revision: int, key: str, value: bytes | None = b"v") -> pb.Event:
    pair = pb.KeyValue(key=key.encode(), value=value or b"", create_revision=3, mod_revision=revision)
    return pb.Event(type=pb.Event.DELETE if value is None else pb.Event.PUT, kv=pair)


def answer(*events: pb.Event, **fields: Any) -> pb.WatchResponse:
    return pb.WatchResponse(events=events, **fields)


def test_an_update_is_all_of_a_revision() -> None:
    events = [event(10, "a"), event(10, "b", None), event(12, "a", b"w")]
    assert by_revision(events) == [
        Update(10, {"a": Entry(b"v", 3, 10), "b": None}),
        Update(12, {"a": Entry(b"w", 3, 12)}),
    ]


def told(*answers: pb.WatchResponse) -> tuple[list[Update], int | None]:
    """What the reader gets, and the revision that is asked for next (None: a snapshot first)."""

    async def wait(_: str) -> Snapshot:
        return await asyncio.Future()

    async def body() -> tuple[list[Update], int | None]:
        async def given() -> AsyncIterator[pb.WatchResponse]:
            for each in answers:
                yield each

        watch = EtcdWatch(cast("Connection", None), wait, "/", on_close=lambda _: None)
        watch._next = START
        await watch._take(given(), START)
        await watch.aclose()
        return [update async for update in watch], watch._next

    return run(body())


def header(revision: int) -> pb.ResponseHeader:
    return pb.ResponseHeader(revision=revision)


def test_created_and_progress_never_move_it_on() -> None:
    assert told(answer(created=True, header=header(50)), answer(header=header(60))) == ([], START)


def test_changes_move_it_on() -> None:
    updates, after = told(answer(event(11, "a"), event(15, "a"), header=header(99)))
    assert [update.revision for update in updates] == [11, 15]
    assert after == 16


def test_fragments_are_one_answer() -> None:
    updates, after = told(
        answer(event(11, "a"), fragment=True), answer(event(11, "b"), fragment=True), answer(event(11, "c"))
    )
    assert [set(update.entries) for update in updates] == [{"a", "b", "c"}]
    assert after == 12


def test_an_answer_cut_short_is_not_handed_over() -> None:
    assert told(answer(event(11, "a"), fragment=True)) == ([], START)


def test_too_many_fragments_are_not_gathered() -> None:
    many = answer(*(event(11, str(n)) for n in range(PENDING_MAX + 1)), fragment=True)
    assert told(many) == ([], None)


def test_a_compaction_and_lost_data_need_a_snapshot() -> None:
    assert told(answer(canceled=True, compact_revision=40)) == ([], None)
    assert told(answer(created=True, header=header(START - 2))) == ([], None)
    assert told(answer(created=True, header=header(START - 1))) == ([], START)
    assert told(answer(canceled=True, cancel_reason="etcdserver: no leader")) == ([], START)


def test_a_refusal_is_one() -> None:
    with pytest.raises(Refused):
        told(answer(canceled=True, cancel_reason="rpc error: etcdserver: permission denied"))


def test_what_nobody_could_foresee_is_told_to_the_reader() -> None:
    async def defect(_: str) -> Snapshot:
        raise ZeroDivisionError

    async def body() -> None:
        watch = EtcdWatch(cast("Connection", None), defect, "/", on_close=lambda _: None)
        with pytest.raises(Unavailable):
            async with asyncio.timeout(10):
                await anext(watch)
        await watch.aclose()

    run(body())
