"""How long a change takes from one gateway to an IDLE client on another: from the sender's 250 to the client's EXISTS.

The law: each delivery is timed alone, on clocks of one process; one that is told before the sender hears 250 took 0.
"""

import asyncio
import statistics
import time
from typing import Final

from tests.cluster.report import percentile
from tests.cluster.running import Cluster
from tests.load.ledger import Broken
from tests.load.wire import Imap, Wire, connected, logged_in
from tests.running import PASSWORD

TOLD_S_MAX: Final = 30.0
PAUSE_S: Final = 0.02  # between deliveries: nothing waits for the one before


def measure(cluster: Cluster, deliveries: int) -> dict[str, float]:
    """Milliseconds: median, p99 and the longest, over so many deliveries, of all accounts in turn."""
    latencies = cluster.loop.run(_measure(cluster, deliveries), 60 + deliveries)
    return {
        "deliveries": len(latencies),
        "median_ms": round(statistics.median(latencies) * 1000, 1),
        "p99_ms": round(percentile(latencies, 0.99) * 1000, 1),
        "max_ms": round(max(latencies) * 1000, 1),
    }


async def _measure(cluster: Cluster, deliveries: int) -> list[float]:
    sender, reader = (cluster.nodes[name] for name in sorted(cluster.up)[:2])
    latencies: list[float] = []
    for number, login in enumerate(cluster.logins):
        share = range(number, deliveries, len(cluster.logins))
        async with (
            connected((sender.host, sender.ports["smtp"])) as smtp,
            logged_in((reader.host, reader.ports["imap"]), login, PASSWORD) as imap,
        ):
            await idle(imap)
            await smtp.reply()
            await said(smtp, b"EHLO idle.test\r\n")
            for _ in share:
                latencies.append(await _one(smtp, imap, login))
                await asyncio.sleep(PAUSE_S)
    return latencies


async def idle(imap: Imap, mailbox: str = "INBOX") -> None:
    """Select and begin to idle."""
    await imap.done(f"SELECT {mailbox}")
    await imap.wire.send(b"i IDLE\r\n")
    line = await imap.wire.line()
    if not line.startswith(b"+"):
        raise Broken(f"IDLE was answered with {line!r}")


async def told(imap: Imap, word: bytes) -> float:
    """When an IDLE client is told a line with this word (time.monotonic). Raises TimeoutError."""
    async with asyncio.timeout(TOLD_S_MAX):
        while word not in await imap.wire.line():
            pass
    return time.monotonic()


async def said(smtp: Wire, command: bytes, code: int = 250) -> float:
    """When a command was answered as it should be (time.monotonic). Raises Broken."""
    await smtp.send(command)
    found, line = await smtp.reply()
    if found != code:
        raise Broken(f"{command[:40]!r} was answered with {line!r}")
    return time.monotonic()


async def _one(smtp: Wire, imap: Imap, login: str) -> float:
    await said(smtp, b"MAIL FROM:<a@idle.test>\r\n")
    await said(smtp, b"RCPT TO:<%b>\r\n" % login.encode())
    await said(smtp, b"DATA\r\n", 354)
    hearing = asyncio.create_task(told(imap, b"EXISTS"))
    answered = await said(smtp, b"Subject: idle\r\n\r\nHello.\r\n.\r\n")
    return max(0.0, await hearing - answered)
