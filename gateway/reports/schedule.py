"""When reports are sent: once a day for each domain, spread over hours; and when what is old is removed.

The law: one process does it at a time, and if two should, each report is sent once all the same. A day is looked at
only when it has ended everywhere and its last counts are written. What cannot be sent is given up after days.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import structlog

from actors.report.client import Ledger
from actors.report.types import DMARC, TLS
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.reports.rows import DAY_S
from gateway.reports.sending import Ended
from gateway.reports.settings import ReportSettings

FIRST_S: Final = 900  # after the end of a day: clocks differ, and counts wait in memory for seconds
EVERY_S: Final = 600.0  # a round asks the store once for each domain that is not due yet
TOGETHER: Final = 8  # reports at once: each waits for the DNS
MARKS_DAYS: Final = 30  # how long it is known that a report was sent
TRIED_MAX: Final = 100_000  # reports of which the last attempt is remembered; others are tried in each round

Mine = Callable[[], bool]
"""Whether this process is the one to do it."""


class Sending(Protocol):
    """Reporter."""

    async def send(self, kind: bytes, day: int, domain: str) -> Ended:
        """Send a report. Raises Unavailable."""
        ...


class Round(NamedTuple):
    """What became of the reports that were looked at: how many."""

    sent: int = 0
    nobody: int = 0
    later: int = 0
    given_up: int = 0


class Daily:
    """Looks for reports that are due, again and again."""

    def __init__(self, ledger: Ledger, reporter: Sending, clock: Clock, settings: ReportSettings, host: str) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._clock = clock
        self._settings = settings
        self._host = host
        self._tried_ms: dict[tuple[bytes, int, str], int] = {}
        self._log = structlog.get_logger()

    async def run(self, mine: Mine) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            if not mine():
                continue
            try:
                await self.round(mine)
            except Trouble as trouble:
                self._log.warning("reports.round", why=trouble.log)

    async def round(self, mine: Mine = lambda: True, *, now: bool = False) -> Round:
        """Send what is due; `now`: all of the days that have ended. Raises Unavailable."""
        today = self._clock.now_ms() // 1000 // DAY_S
        kinds = ((DMARC, self._settings.dmarc), (TLS, self._settings.tls))
        outcomes: list[str] = []
        for kind, wanted in kinds:
            first = await self._ledger.first_day(kind, today - 1) if wanted else None
            for day in range(max(first, today - MARKS_DAYS), today) if first is not None else ():
                outcomes += await self._day(kind, day, mine, now=now)
            await self._ledger.forget(kind, today - MARKS_DAYS - 1)
        self._tried_ms = {key: at_ms for key, at_ms in self._tried_ms.items() if key[1] >= today - MARKS_DAYS}
        return Round(*(outcomes.count(name) for name in Round._fields))

    async def _day(self, kind: bytes, day: int, mine: Mine, *, now: bool) -> list[str]:
        outcomes: list[str] = []
        batch: list[str] = []
        async for domain in self._ledger.domains(kind, day):
            if not mine():
                return outcomes
            if now or self.due_ms(kind, day, domain) <= self._clock.now_ms():
                batch.append(domain)
            if len(batch) >= TOGETHER:
                outcomes += await asyncio.gather(*(self._one(kind, day, one) for one in batch))
                batch = []
        return outcomes + await asyncio.gather(*(self._one(kind, day, one) for one in batch))

    def due_ms(self, kind: bytes, day: int, domain: str) -> int:
        """When a report is sent: each at its own time after the day, the same on all servers of a cluster and after
        a restart, and another one than that of other senders."""
        settings, ended_s = self._settings, (day + 1) * DAY_S
        seed = b"\0".join((kind, self._host.encode(), domain.encode("utf-8", "replace"), b"%d" % day))
        at = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") % (settings.spread_s + 1)
        due_ms = (ended_s + FIRST_S + at) * 1000
        return max(due_ms, self._tried_ms.get((kind, day, domain), 0) + settings.retry_s * 1000)

    async def _one(self, kind: bytes, day: int, domain: str) -> str:
        """How it ended, a word of Round."""
        try:
            return await self._try(kind, day, domain)
        except Trouble as trouble:
            self._log.warning("reports.later", kind=kind.decode(), day=day, domain=domain, why=trouble.log)
            return "later"

    async def _try(self, kind: bytes, day: int, domain: str) -> str:
        if await self._ledger.is_done(kind, day, domain):
            await self._ledger.done(kind, day, domain)  # counts that came late are in no report
            return ""
        outcome: str = await self._reporter.send(kind, day, domain)
        gone_days = self._clock.now_ms() // 1000 // DAY_S - day - 1
        if outcome == "later" and gone_days >= self._settings.give_up_days:
            self._log.warning("reports.given_up", kind=kind.decode(), day=day, domain=domain)
            outcome = "given_up"
        if outcome != "later":
            await self._ledger.done(kind, day, domain)
            self._tried_ms.pop((kind, day, domain), None)
        elif len(self._tried_ms) < TRIED_MAX:
            self._tried_ms[kind, day, domain] = self._clock.now_ms()
        return outcome


async def sweeping(ledger: Ledger, clock: Clock, settings: ReportSettings, mine: Mine, every_s: float = 3600.0) -> None:
    """Remove received reports that are older than the settings say, again and again."""
    while True:
        await asyncio.sleep(every_s)
        if not mine():
            continue
        try:
            await ledger.sweep(clock.now_ms() - settings.keep_s * 1000)
        except Trouble as trouble:
            structlog.get_logger().warning("reports.sweep", why=trouble.log)
