"""Reports over the admin service: listed, read, summed up, pending, sent at once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import grpc
import pytest

from actors.report.types import DMARC, TLS, Received
from gateway.reports.schedule import Round
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import Admin, connect
from ops.core import Core
from wire import admin_pb2 as pb

DAY_MS = 86_400_000


async def keep(parts: Core, number: int, kind: Literal["dmarc", "tls"], domain: str, *, days: int = 0) -> Received:
    at_ms = parts.clock.now_ms() - days * DAY_MS - number
    worst = ((f"192.0.2.{number}", number),)
    kept = Received(
        bytes([number]) * 16, at_ms, kind, domain, "Org", "y.test", "r1", 1, 2, 10, number, worst, "ident.1", ("odd",)
    )
    await parts.reports.keep(kept)
    return kept


async def listed(admin: Admin, **request: object) -> list[str]:
    call = admin.reports.ListReports(pb.ListReportsRequest(**request))  # type: ignore[arg-type]
    return [report.id[:2] async for report in call]


async def test_they_are_listed_and_read(parts: Core, admin: Admin) -> None:
    await keep(parts, 1, "dmarc", "x.test")
    await keep(parts, 2, "tls", "x.test")
    kept = await keep(parts, 3, "dmarc", "y.test")
    assert await listed(admin) == ["01", "02", "03"]
    assert await listed(admin, kind="dmarc", limit=1) == ["01"]
    assert await listed(admin, domain="Y.test") == ["03"]
    assert await listed(admin, before_ms=kept.at_ms + 1) == ["03"]
    one = await admin.reports.GetReport(pb.GetReportRequest(id="03" * 16))
    assert (one.domain, one.organization, one.failed, one.passed) == ("y.test", "Org", 3, 10)
    assert (one.sender, one.report_id, one.ident, list(one.problems)) == ("y.test", "r1", "ident.1", ["odd"])
    assert [(count.what, count.count) for count in one.worst] == [("192.0.2.3", 3)]


async def test_what_is_not_there_is_told(admin: Admin) -> None:
    for name in ("", "xyz", "00" * 16, "00"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin.reports.GetReport(pb.GetReportRequest(id=name))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(admin, kind="nonsense")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_they_are_summed_up_by_domain(parts: Core, admin: Admin) -> None:
    for number in (1, 2, 3):
        await keep(parts, number, "dmarc", "x.test")
    await keep(parts, 4, "tls", "x.test", days=6)
    await keep(parts, 5, "dmarc", "y.test", days=8)

    async def summed(**request: object) -> list[pb.ReportSummary]:
        call = admin.reports.ListReportSummaries(pb.ListReportSummariesRequest(**request))  # type: ignore[arg-type]
        return [found async for found in call]

    dmarc, tls = await summed()
    assert (dmarc.domain, dmarc.kind, dmarc.reports, dmarc.passed, dmarc.failed) == ("x.test", "dmarc", 3, 30, 6)
    assert [(count.what, count.count) for count in dmarc.worst] == [
        ("192.0.2.3", 3),
        ("192.0.2.2", 2),
        ("192.0.2.1", 1),
    ]
    assert (tls.kind, tls.failed) == ("tls", 4)
    assert [one.domain for one in await summed(days=9, domain="y.test")] == ["y.test"]
    assert len(await summed(days=1)) == 1


async def test_what_is_counted_is_pending(parts: Core, admin: Admin) -> None:
    for _ in range(3):
        parts.reports.count(DMARC, "x.test", b"row")
    parts.reports.count(TLS, "y.test", b"row", 2)
    parts.reports.count(TLS, "y.test", b"other", 3)
    await parts.reports.flush()
    call = admin.reports.ListPendingReports(pb.ListPendingReportsRequest())
    found = [(one.kind, one.day, one.domain, one.count, one.rows, one.ended) async for one in call]
    assert found == [
        ("dmarc", "2023-11-14", "x.test", 3, 1, False),
        ("tls", "2023-11-14", "y.test", 5, 2, False),
    ]
    call = admin.reports.ListPendingReports(pb.ListPendingReportsRequest(limit=1))
    assert len([one async for one in call]) == 1


@pytest.fixture
async def sending(parts: Core, tmp_path: Path) -> AsyncIterator[Admin]:
    async def send() -> Round:
        return Round(sent=2, nobody=1)

    server = AdminServer.over(parts, tmp_path / SOCKET, version="1", send_reports=send, drain_s=1)
    await server.start()
    async with connect(tmp_path) as client:
        yield client
    await server.stop()


async def test_they_are_sent_at_once(sending: Admin) -> None:
    found = await sending.reports.SendReports(pb.SendReportsRequest())
    assert (found.sent, found.nobody, found.later) == (2, 1, 0)


async def test_where_nothing_is_sent_that_is_said(admin: Admin) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="Only a running server"):
        await admin.reports.SendReports(pb.SendReportsRequest())
