"""gateway/outbound/outgoing.py: into a mailbox here, into the queue, or to nobody."""

import pytest
from msgspec.structs import replace

from actors.directory.types import Local, NotLocal, Resolution, Target, Unknown, Why
from actors.queue.types import IDEM_BYTES_MAX, INLINE_BYTES_MAX, Envelope, Recipient
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import unpack
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.errors import NotFound
from gateway.outbound.outgoing import HereOrAway

NAME = bytes(range(32))
ABOUT = Envelope("x.test", "me@example.org", (Recipient("a@x.test"),), bytes(32), 1, ident="m1.1")
MESSAGE = b"Subject: told\r\n\r\nit failed\r\n"


class Parts:
    """Directory, mailboxes and queue at once."""

    def __init__(self, found: Resolution) -> None:
        self.found = found
        self.delivered: list[tuple[int, object, bytes]] = []
        self.queued: list[tuple[Envelope, bytes, bytes | None]] = []

    async def resolve(self, address: str) -> Resolution:
        return self.found

    async def prepare(self, raw: bytes) -> object:
        return raw

    async def deliver(self, account: int, prepared: object, *, idem: bytes) -> object:
        self.delivered.append((account, prepared, idem))
        return None

    async def enqueue(self, mail: Envelope, idem: bytes, packed: bytes | None, due_ms: int = 0) -> bytes:
        self.queued.append((mail, idem, packed))
        return bytes(16)


async def sent(found: Resolution, message: bytes = MESSAGE, blobs: MemoryBlobs | None = None) -> Parts:
    parts, clock = Parts(found), ManualClock()
    outgoing = HereOrAway(parts, parts, parts, blobs or MemoryBlobs(clock=clock), clock)
    await outgoing.send("me@example.org", message, name=NAME, smtputf8=True, eight_bit=True, about=ABOUT)
    return parts


async def test_a_sender_of_ours_finds_it_in_the_mailbox() -> None:
    parts = await sent(Local((Target(7, "me@example.org"), Target(8, "me@example.org"))))
    assert parts.delivered == [(account, b"Return-Path: <>\r\n" + MESSAGE, NAME) for account in (7, 8)]
    assert parts.queued == []


async def test_another_one_is_sent_it_from_the_null_sender() -> None:
    parts = await sent(NotLocal("example.org"))
    ((mail, idem, packed),) = parts.queued
    assert (mail.domain, mail.sender, mail.recipients) == ("example.org", "", (Recipient("me@example.org"),))
    assert (mail.smtputf8, mail.body, mail.size, mail.digest) == (True, "8BITMIME", len(MESSAGE), digest_of(MESSAGE))
    assert (idem, unpack(packed or b"")) == (NAME, MESSAGE)


async def test_a_large_one_is_in_blobs_before() -> None:
    blobs = MemoryBlobs(clock=ManualClock())
    large = b"Subject: x\r\n\r\n" + b"".join(digest_of(bytes((n % 256, n // 256))) for n in range(4000))
    assert len(large) > INLINE_BYTES_MAX
    parts = await sent(NotLocal("example.org"), large, blobs)
    ((mail, _idem, packed),) = parts.queued
    assert packed is None
    assert mail.stored_ms > 0
    assert await blobs.get(mail.digest) == large


async def test_nobody_is_told_of_as_nobody() -> None:
    with pytest.raises(NotFound):
        await sent(Unknown(Why.NO_SUCH_ADDRESS))


async def test_an_alias_that_leads_twice_to_one_domain_is_sent_it_twice() -> None:
    parts = await sent(Local((), elsewhere=("a@far.test", "b@far.test", "c@other.test")))
    assert [mail.recipients for mail, _, _ in parts.queued] == [
        (Recipient("a@far.test"),), (Recipient("b@far.test"),), (Recipient("c@other.test"),),
    ]  # fmt: skip
    assert len({(mail.domain, idem) for mail, idem, _ in parts.queued}) == 3
    assert all(len(idem) <= IDEM_BYTES_MAX for _, idem, _ in parts.queued)
    again = await sent(Local((), elsewhere=("a@far.test", "b@far.test", "c@other.test")))
    assert [idem for _, idem, _ in again.queued] == [idem for _, idem, _ in parts.queued]


async def test_a_notice_about_what_needs_tls_needs_it_too() -> None:
    parts, clock = Parts(NotLocal("example.org")), ManualClock()
    outgoing = HereOrAway(parts, parts, parts, MemoryBlobs(clock=clock), clock)
    about = replace(ABOUT, require_tls=True)
    await outgoing.send("me@example.org", MESSAGE, name=NAME, smtputf8=False, eight_bit=False, about=about)
    assert parts.queued[0][0].require_tls
