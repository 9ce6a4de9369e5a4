"""Into a mailbox here, into the queue, or to nobody."""

from typing import Any

import pytest

from actors.directory.types import Local, NotLocal, Resolution, Target, Unknown
from actors.queue.outbox import Kept
from actors.queue.types import Envelope, Recipient
from cluster.errors import NotFound
from gateway.reports.posting import HereOrAway, Unsigned

NAME = b"n" * 32


class Directory:
    def __init__(self, found: Resolution) -> None:
        self.found = found

    async def resolve(self, address: str) -> Resolution:
        return self.found


class Mailboxes:
    def __init__(self) -> None:
        self.stored: list[tuple[int, Any, bytes]] = []

    async def prepare(self, raw: bytes) -> bytes:
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
        await posted(Unknown("no-such-address"))


async def test_what_nobody_signs_stays_as_it_is() -> None:
    assert await Unsigned().sign(b"message", "me@x.test") == b"message"
