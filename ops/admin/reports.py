"""Reports for operators: those that came, sums of them, and what is to be sent.

The law: what came is somebody's claim and is shown as such. A summary reads a bounded number of reports.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections import Counter as Counts
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import grpc

from actors.report.client import Ledger
from actors.report.types import DMARC, TLS, Received
from cluster.clock import Clock
from cluster.errors import NotFound, Refused
from gateway.reports.schedule import Round
from ops.admin.directory import Unclear
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
DAY_MS: Final = 86_400_000
LISTED: Final = 100  # unless asked for another number
LISTED_MAX: Final = 10_000
SUMMED_MAX: Final = 100_000  # reports that a summary looks at: 2 s
DAYS: Final = 7
DAYS_MAX: Final = 3650
WORST_MAX: Final = 5
PENDING: Final = 1000
ROWS_MAX: Final = 2000  # different rows of one report that are looked at
KINDS: Final = ("dmarc", "tls", "abuse", "failure")
NAMES: Final = {DMARC: "dmarc", TLS: "tls"}

SendNow = Callable[[], Awaitable[Round]]


class ReportService(admin_pb2_grpc.ReportsServicer):
    """The calls of rookery.admin.v1.Reports, as the schema tells them. `send_now`: None where nothing is sent."""

    def __init__(self, ledger: Ledger, clock: Clock, send_now: SendNow | None = None) -> None:
        self._ledger = ledger
        self._clock = clock
        self._send_now = send_now

    async def ListReports(self, request: pb.ListReportsRequest, context: Context) -> AsyncIterator[pb.Report]:
        """The newest first."""
        if request.kind not in ("", *KINDS):
            raise Unclear(f"There is no such kind of report: name one of {', '.join(KINDS)}.")
        limit = min(request.limit or LISTED, LISTED_MAX)
        for report in await self._ledger.newest(
            limit, max(request.before_ms, 0), domain=request.domain.lower(), kind=request.kind
        ):
            yield _report(report)

    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> pb.Report:
        """One of them."""
        try:
            name = bytes.fromhex(request.id)
        except ValueError:
            name = b""
        report = await self._ledger.read(name) if len(name) == 16 else None
        if report is None:
            raise NotFound(f"There is no report {request.id[:64]!r}: `rookery report list` shows them.")
        return _report(report)

    async def ListReportSummaries(
        self, request: pb.ListReportSummariesRequest, context: Context
    ) -> AsyncIterator[pb.ReportSummary]:
        """By domain and kind, those with the most failures first."""
        since_ms = self._clock.now_ms() - min(request.days or DAYS, DAYS_MAX) * DAY_MS
        sums: dict[tuple[str, str], _Sum] = {}
        looked_at = 0
        async for report in self._ledger.since(since_ms):
            if request.domain.lower() in ("", report.domain):
                sums.setdefault((report.domain, report.kind), _Sum()).add(report)
            looked_at += 1
            if looked_at >= SUMMED_MAX:
                break
        for (domain, kind), one in sorted(sums.items(), key=lambda item: (-item[1].failed, item[0])):
            yield pb.ReportSummary(
                domain=domain,
                kind=kind,
                reports=one.reports,
                passed=one.passed,
                failed=one.failed,
                worst=[pb.ReportCount(what=what, count=count) for what, count in one.worst.most_common(WORST_MAX)],
            )

    async def ListPendingReports(
        self, request: pb.ListPendingReportsRequest, context: Context
    ) -> AsyncIterator[pb.PendingReport]:
        """The oldest day first."""
        left = request.limit or PENDING
        today = self._clock.now_ms() // DAY_MS
        for kind in (DMARC, TLS):
            first = await self._ledger.first_day(kind, today)
            for day in range(first, today + 1) if first is not None else ():
                async for domain in self._ledger.domains(kind, day):
                    if left <= 0:
                        return
                    left -= 1
                    yield await self._pending(kind, day, domain, ended=day < today)

    async def _pending(self, kind: bytes, day: int, domain: str, *, ended: bool) -> pb.PendingReport:
        rows = await self._ledger.counted(kind, day, domain, ROWS_MAX)
        name = datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")
        count = sum(row.count for row in rows)
        return pb.PendingReport(kind=NAMES[kind], day=name, domain=domain, count=count, rows=len(rows), ended=ended)

    async def SendReports(self, request: pb.SendReportsRequest, context: Context) -> pb.SentReports:
        """All that can be sent."""
        if self._send_now is None:
            raise Refused(
                "Only a running server that is alone sends reports when told to; a cluster sends each at its time."
            )
        return pb.SentReports(**(await self._send_now())._asdict())


class _Sum:
    """What reports of one kind say of one domain."""

    def __init__(self) -> None:
        self.reports = self.passed = self.failed = 0
        self.worst: Counts[str] = Counts()

    def add(self, report: Received) -> None:
        self.reports += 1
        self.passed += report.passed
        self.failed += report.failed
        for what, count in report.worst:
            self.worst[what] += count


def _report(report: Received) -> pb.Report:
    return pb.Report(
        id=report.id.hex(),
        received_ms=report.at_ms,
        kind=report.kind,
        domain=report.domain,
        organization=report.org,
        sender=report.sender,
        report_id=report.report_id,
        begin_s=report.begin_s,
        end_s=report.end_s,
        passed=report.passed,
        failed=report.failed,
        worst=[pb.ReportCount(what=what, count=count) for what, count in report.worst],
        ident=report.ident,
        problems=report.problems,
    )
