"""What is counted, and what is not."""

from actors.report.types import DMARC, TLS
from gateway.reports.counting import Noted
from gateway.reports.settings import ReportSettings
from tests.unit.gateway.reports.world import Session, verdict


class Sheet:
    """A ledger that remembers what it was told."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, str]] = []

    def count(self, kind: bytes, domain: str, row: bytes, number: int = 1) -> None:
        self.rows.append((kind, domain))


def test_what_is_wanted_is_counted() -> None:
    sheet = Sheet()
    noted = Noted(sheet, ReportSettings())
    noted.dmarc(verdict(), "reject", recipient_domain="ours.test")
    noted.tls(Session())
    assert sheet.rows == [(DMARC, "x.test"), (TLS, "x.test")]


def test_what_is_not_checked_or_brings_a_report_or_is_off_is_not() -> None:
    sheet = Sheet()
    noted = Noted(sheet, ReportSettings())
    noted.dmarc(None, "none")
    noted.dmarc(verdict(), "none", brings_report=True)
    off = Noted(sheet, ReportSettings(dmarc=False, tls=False))
    off.dmarc(verdict(), "none")
    off.tls(Session())
    assert sheet.rows == []
