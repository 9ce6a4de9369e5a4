"""What SMTP sessions and the courier call: one more message, one more session, for the reports of the day.

The law: nothing here fails or waits. What nobody wants reports of is not counted; neither are messages that bring
reports, so that two servers do not report on each other's reports for ever.
"""

from collections.abc import Sequence
from typing import Protocol

from actors.report.types import DMARC, TLS
from gateway.reports.rows import TlsOutcome, dmarc_row, tls_rows
from gateway.reports.settings import ReportSettings
from gateway.trust.verdict import Verdict


class Counting(Protocol):
    """Of actors.report.client.Ledger, what is needed here."""

    def count(self, kind: bytes, domain: str, row: bytes, number: int = 1) -> None:
        """One more like `row` today."""
        ...


class Noted:
    """Counts."""

    def __init__(self, ledger: Counting, settings: ReportSettings) -> None:
        self._ledger = ledger
        self._settings = settings

    def dmarc(
        self,
        verdict: Verdict | None,
        applied: str,
        *,
        reasons: Sequence[str] = (),
        recipient_domain: str = "",
        brings_report: bool = False,
    ) -> None:
        """A message. None of a verdict: it was not checked. The rest as of `rows.dmarc_row`; `brings_report`: it is
        for one of our report addresses alone."""
        if verdict is None or brings_report or not self._settings.dmarc:
            return
        if (found := dmarc_row(verdict, applied, reasons, recipient_domain)) is not None:
            self._ledger.count(DMARC, *found)

    def tls(self, outcome: TlsOutcome) -> None:
        """A session with another server."""
        if self._settings.tls and (found := tls_rows(outcome)) is not None:
            domain, rows = found
            for row in rows:
                self._ledger.count(TLS, domain, row)
