"""Reports over a real core: counted by one part, sent by another, read by a third."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.queue.keys import slot_of_id
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from gateway.outbound.tls import TlsOutcome, TlsPolicy
from gateway.reports.schedule import Round
from gateway.reports.settings import ReportSettings
from ops.core import Core, over
from ops.reporting import reporting, sending_daily
from ops.settings import Settings
from tests.unit.gateway.reports.world import verdict
from tests.unit.gateway.trust.resolving import Resolver

SETTINGS = Settings(hostname="mx.test", reports=ReportSettings(addresses=("dmarc@ours.test",)))


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    clock = ManualClock()
    stores = MemoryStore(clock=clock), MemoryBlobs(clock=clock)
    records: dict[str, Any] = {
        "_dmarc.x.test": {"TXT": [b"v=DMARC1; p=reject; rua=mailto:dmarc@x.test"]},
        "_smtp._tls.x.test": {"TXT": [b"v=TLSRPTv1; rua=mailto:tls@x.test"]},
    }
    async with over(*stores, clock, random.Random(1), None, CollectorRegistry()) as made:
        yield made._replace(resolver=Resolver(records, wait_s=0))  # type: ignore[arg-type]


async def test_what_is_counted_is_sent_and_read(core: Core) -> None:
    async with AsyncExitStack() as stack:
        parts = reporting(stack, core, SETTINGS)
        send_now = sending_daily(stack, core, SETTINGS, lambda: True)
        parts.noted.dmarc(verdict(), "reject", recipient_domain="ours.test")
        parts.noted.tls(TlsOutcome("x.test", "mx.x.test", "192.0.2.1", "198.51.100.1", TlsPolicy(), "dane-required"))
        await core.reports.flush()
        assert isinstance(core.clock, ManualClock)
        core.clock.advance(86_400)
        assert await send_now() == Round(sent=2)
        entries = (await core.queue.list()).entries
        assert sorted((one.mail.recipients[0].address, one.mail.tls_optional) for one in entries) == [
            ("dmarc@x.test", False),
            ("tls@x.test", True),
        ]
        # What we sent, had it been about us: read as what it is.
        entry = next(one for one in entries if one.mail.recipients[0].address == "dmarc@x.test")
        lent = await core.queue.due(slot_of_id(entry.id), 10, 60)
        message = await core.queue.body(lent.work[0])
        await parts.receiving.look(["dmarc@ours.test"], message, "ident.1")
    (kept,) = await core.reports.newest(9)
    assert (kept.kind, kept.domain, kept.failed, kept.sender) == ("dmarc", "x.test", 1, "mx.test")
