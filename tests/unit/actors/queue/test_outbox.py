"""Bodies small and large on their way into the queue."""

import os

import pytest

from actors.queue.client import QueueClient
from actors.queue.outbox import Outbox
from actors.queue.state import Queue
from actors.queue.types import INLINE_BYTES_MAX, Envelope, Recipient
from actors.shell.client import Direct
from tests.unit.actors.shell.site import Site

MAIL = Envelope("far.test", "a@x.test", (Recipient("b@far.test"),), b"", 0)


@pytest.mark.parametrize("size", [10, 200_000, INLINE_BYTES_MAX + 5000])
async def test_what_is_kept_is_lent(size: int) -> None:
    site = Site()
    shard, _claims = await site.owner(Queue())
    client = QueueClient(Direct({"queue": shard}), site.store, site.blobs)
    outbox = Outbox(client, site.blobs, site.clock)
    raw = b"x" * size if size == 200_000 else os.urandom(size)
    kept = await outbox.keep(raw)
    assert (kept.packed is None) == (size > INLINE_BYTES_MAX and size != 200_000)
    entry = await outbox.send(MAIL, kept, idem=b"1")
    assert await outbox.send(MAIL, kept, idem=b"1") == entry
    found = await client.read(entry)
    assert found.mail.size == size
    await shard.stop()


async def test_what_is_to_be_held_is_never_not_held() -> None:
    site = Site()
    shard, _claims = await site.owner(Queue())
    client = QueueClient(Direct({"queue": shard}), site.store, site.blobs)
    outbox = Outbox(client, site.blobs, site.clock)
    kept = await outbox.keep(b"x")
    entry = await outbox.send(MAIL, kept, idem=b"1", hold="virus" * 100)
    assert outbox.name_of(MAIL.domain, b"1") == entry
    found = await client.read(entry)
    assert found.held
    assert [(step.what, step.at_ms) for step in found.steps] == [
        (what, found.mail.queued_ms) for what in ("queued", "held")
    ]
    await client.release(entry)
    await outbox.send(MAIL, kept, idem=b"1", hold="virus")
    assert not (await client.read(entry)).held
    await shard.stop()
