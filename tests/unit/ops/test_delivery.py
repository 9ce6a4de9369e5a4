"""ops/delivery.py: in a process alone, from the queue to the courier, and back into the sender's mailbox."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from actors.mailbox.types import INBOX
from actors.queue.types import Envelope, Recipient, Result
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.placement.slots import SLOTS
from gateway.outbound.notices import Signer
from mail.dsn.parse import parse
from ops.core import Core, opened
from ops.delivery import Hands, delivering
from ops.outbound import hands
from ops.settings import OutgoingSettings, Settings

BODY = b"Subject: hello\r\nMessage-ID: <x@y>\r\n\r\nhello\r\n"
SENDER = "alice@here.example"


class Courier:
    """Delivers to good.example, and nowhere else."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.hang = False

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        self.sent.append((mail.domain, body))
        if self.hang:
            await asyncio.Event().wait()
        if mail.domain == "good.example":
            return (Result("delivered", 250, "2.0.0", "ok"),) * len(recipients)
        return (Result("failed", 550, "5.1.1", "nobody", "mx", cause="bad-mailbox"),) * len(recipients)


def mail(domain: str) -> Envelope:
    return Envelope(domain, SENDER, (Recipient(f"b@{domain}"),), digest_of(BODY), len(BODY))


class Hanging:
    """A signer that never comes to an end."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def sign(self, message: bytes, sender: str) -> bytes:
        self.asked.set()
        await asyncio.Event().wait()
        return b""


async def begin(
    stack: AsyncExitStack, core: Core, courier: Courier, drain_s: float = 5, signer: Signer | None = None
) -> None:
    async def hands(_stack: AsyncExitStack, _core: Core, _settings: Settings) -> Hands:
        return Hands(courier, signer)

    settings = Settings(hostname="mail.here.example", drain_s=drain_s)
    assert core.outbox is not None
    await delivering(stack, core, settings, hands, core.outbox, core.queue, lambda: range(SLOTS), recall=True)


async def until(core: Core, entry: bytes, status: str) -> None:
    async with asyncio.timeout(10):
        while (await core.queue.read(entry)).status != status or (await core.queue.read(entry)).owed:
            await asyncio.sleep(0.01)


async def inbox(core: Core, account: int) -> list[bytes]:
    held = await core.mailboxes.select(account, INBOX, read_only=True, changed=lambda: None)
    emails = [int(email) for email in held.view.index.emails]
    found = await core.mailboxes.messages(account, emails)
    contents = [await core.mailboxes.content(message) for message in found if message is not None]
    await held.close()
    return contents


async def test_mail_goes_out_and_a_failure_comes_back_into_the_senders_mailbox(tmp_path: Path) -> None:
    courier = Courier()
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        await core.directory.add_domain("here.example")
        account = await core.directory.add_account(SENDER, "correct horse battery")
        await begin(stack, core, courier)
        good = await core.queue.enqueue(mail("good.example"), b"1", pack(BODY))
        bad = await core.queue.enqueue(mail("bad.example"), b"2", pack(BODY))
        await until(core, good, "delivered")
        await until(core, bad, "failed")
        assert sorted(courier.sent) == [("bad.example", BODY), ("good.example", BODY)]
        (told,) = await inbox(core, account.id)
        assert told.startswith(b"Return-Path: <>\r\n")
        parsed = parse(told)
        assert parsed is not None
        assert [one.final for one in parsed.recipients] == ["b@bad.example"]


async def test_what_the_process_before_had_under_way_is_taken_up_at_once(tmp_path: Path) -> None:
    courier = Courier()
    courier.hang = True
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        await begin(stack, core, courier, drain_s=0.01)
        entry = await core.queue.enqueue(mail("good.example"), b"1", pack(BODY))
        async with asyncio.timeout(10):
            while not courier.sent:
                await asyncio.sleep(0.01)
    courier.hang = False
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        assert (await core.queue.read(entry)).status == "lent"
        await begin(stack, core, courier)
        await until(core, entry, "delivered")


async def test_what_the_process_before_owed_to_a_sender_is_told_at_once(tmp_path: Path) -> None:
    signer = Hanging()
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        await core.directory.add_domain("here.example")
        account = await core.directory.add_account(SENDER, "correct horse battery")
        await begin(stack, core, Courier(), drain_s=0.01, signer=signer)
        entry = await core.queue.enqueue(mail("bad.example"), b"1", pack(BODY))
        async with asyncio.timeout(10):
            await signer.asked.wait()
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        assert (await core.queue.read(entry)).owed
        await begin(stack, core, Courier())
        await until(core, entry, "failed")
        (told,) = await inbox(core, account.id)
        assert b"b@bad.example" in told


def test_the_queues_table_has_what_the_shard_and_the_deliverer_read() -> None:
    queue = replace(OutgoingSettings(), remember_s=700)
    assert (queue.remember_s, queue.schedule.pace.expire_after, queue.delivery.in_flight_max) == (700, 432_000, 200)


async def test_what_waited_for_one_of_ours_is_stored_and_told_of(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        await core.directory.add_domain("here.example")
        alice = await core.directory.add_account(SENDER, "correct horse battery")
        bob = await core.directory.add_account("bob@here.example", "correct horse battery")
        assert core.outbox is not None
        every = lambda: range(SLOTS)  # noqa: E731
        settings = Settings(hostname="mail.here.example", drain_s=5)
        await delivering(stack, core, settings, hands(), core.outbox, core.queue, every, recall=True)
        held = replace(
            mail("here.example"),
            recipients=(Recipient("bob@here.example", ("SUCCESS",)),),
            ident="m1",
            require_tls=True,
        )
        entry = await core.queue.enqueue(held, b"1", pack(BODY), core.clock.now_ms() + 300)
        await until(core, entry, "delivered")
        assert [one.partition(b"\r\n")[2] for one in await inbox(core, bob.id)] == [BODY]
        (notice,) = await inbox(core, alice.id)
        parsed = parse(notice)
        assert parsed is not None
        assert [(one.final, one.action) for one in parsed.recipients] == [("bob@here.example", "delivered")]
