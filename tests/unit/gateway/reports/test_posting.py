"""Into a mailbox here, into the queue, or to nobody."""

from typing import Any

import pytest

from actors.directory.types import Local, NotLocal, Resolution, Target, Unknown, Why
from actors.queue.client import QueueClient
from actors.queue.outbox import Kept
from actors.queue.outbox import Outbox as RealOutbox
from actors.queue.state import Queue
from actors.queue.types import Envelope, Recipient
from actors.shell.client import Direct
from cluster.errors import NotFound
from gateway.reports.posting import HereOrAway, Unsigned
from tests.unit.actors.shell.site import Site

NAME = b"n" * 32


class Directory:
    def __init__(self, found: Resolution) -> None:
        self.found = found

    async def resolve(self, address: str) -> Resolution:
        return self.found


class Mailboxes:
    def __init__(self) -> None:
        self.stored: list[tuple[int, Any, bytes]] = []

    async def prepare(self, raw: bytes) -> Any:
        return raw

    async def deliver(self, account: int, prepared: object, *, idem: bytes) -> None:
        self.stored.append((account, prepared, idem))


class Outbox:
    def __init__(self) -> None:
        self.sent: list[tuple[Envelope, bytes]] = []

    async def keep(self, raw: bytes) -> Kept:
        return Kept(b"d", len(raw), raw, 0)

    async def send(self, mail: Envelope, kept: Kept, *, idem: bytes) -> bytes:
        self.sent.append((mail, idem))
        return b""


async def posted(found: Resolution, recipient: str = "a@far.test") -> tuple[Mailboxes, Outbox]:
    mailboxes, outbox = Mailboxes(), Outbox()
    post = HereOrAway(Directory(found), mailboxes, outbox)
    await post.post(b"message", recipient, sender="me@x.test", name=NAME, tls_optional=True)
    return mailboxes, outbox


async def test_away() -> None:
    mailboxes, outbox = await posted(NotLocal("far.test"))
    ((mail, idem),) = outbox.sent
    assert mailboxes.stored == []
    assert idem == NAME
    assert (mail.domain, mail.sender, mail.tls_optional, mail.smtputf8) == ("far.test", "me@x.test", True, False)
    assert mail.recipients == (Recipient("a@far.test", notify=("NEVER",)),)
    _, outbox = await posted(NotLocal("far.test"), "ä@far.test")
    assert outbox.sent[0][0].smtputf8


async def test_here_and_away_from_here() -> None:
    targets = (Target(1, "a@x.test"), Target(2, "b@x.test"))
    mailboxes, outbox = await posted(Local(targets, elsewhere=("c@far.test",)))
    assert mailboxes.stored == [(number, b"Return-Path: <me@x.test>\r\nmessage", NAME) for number in (1, 2)]
    assert [mail.domain for mail, _idem in outbox.sent] == ["far.test"]
    _, outbox = await posted(Local(targets))
    assert outbox.sent == []


async def test_nobody() -> None:
    with pytest.raises(NotFound):
        await posted(Unknown(Why.NO_SUCH_ADDRESS))


async def test_what_nobody_signs_stays_as_it_is() -> None:
    assert await Unsigned().sign(b"message", "me@x.test") == b"message"


async def test_in_a_queue_the_same_name_is_kept_once() -> None:
    site = Site()
    shard, _claims = await site.owner(Queue())
    client = QueueClient(Direct({"queue": shard}), site.store, site.blobs)
    post = HereOrAway(Directory(NotLocal("far.test")), Mailboxes(), RealOutbox(client, site.blobs, site.clock))
    for message in (b"one\r\n", b"one, signed a second later\r\n"):
        await post.post(message, "a@far.test", sender="me@x.test", name=NAME, tls_optional=True)
    await post.post(b"other\r\n", "a@far.test", sender="me@x.test", name=b"o" * 32)
    entries = (await client.list()).entries
    assert sorted((entry.mail.size, entry.mail.tls_optional) for entry in entries) == [(5, True), (7, False)]
    await shard.stop()
