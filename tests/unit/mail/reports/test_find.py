"""The reports of the suite in ../shared, each file a test, and what is found in messages of our own."""

from pathlib import Path

import pytest

from mail.reports import aggregate, tls
from mail.reports.aggregate import Aggregate, Published, Record
from mail.reports.arf import Feedback
from mail.reports.compose import Mailing, aggregate_message, feedback_message, tls_message
from mail.reports.errors import ReportError
from mail.reports.find import reports_in
from mail.reports.tls import Applied, Policy, Range, Summary, TlsReport
from mail.reports.unpack import unpacked

SUITE = Path(__file__).resolve().parents[5] / "shared/suites/reports"
MAILING = Mailing("postmaster@mx.test", ("dmarc@x.test",), "r1", "mx.test", 1_700_000_000_000)
DMARC = Aggregate("mx.test", "postmaster@mx.test", "r1", 1, 2, Published("x.test", p="none"), (
    Record("192.0.2.1", 3, "none", "pass", "fail", "x.test"),
))  # fmt: skip
TLS = TlsReport("mx.test", Range(tls.moment(0), tls.moment(86_399)), "r1", [Applied(Policy("sts"), Summary(1, 2))])


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((SUITE / folder).glob("*"))]


pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason=f"needs {SUITE}, which only the makers of Rookery have")


@pytest.mark.parametrize("path", files("aggregate", "aggregate_invalid", "extract_report"), ids=lambda path: path.name)
def test_an_aggregate_of_the_suite(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".eml":
        (report,) = reports_in(data).reports
        assert isinstance(report, Aggregate)
    else:
        report = aggregate.parse(unpacked(data))
    assert report.policy.domain
    assert report.records
    assert all(record.dkim in {"pass", "fail", ""} for record in report.records)
    again = aggregate.parse(aggregate.render(report, rfc9990=True))
    assert again.records == report.records


@pytest.mark.parametrize("path", files("smtp_tls"), ids=lambda path: path.name)
def test_a_tls_report_of_the_suite(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".eml":
        (report,) = reports_in(data).reports
        assert isinstance(report, TlsReport)
    else:
        report = tls.parse(data)
    assert tls.parse(tls.render(report)) == report


@pytest.mark.parametrize("path", files("failure"), ids=lambda path: path.name)
def test_a_failure_report_of_the_suite(path: Path) -> None:
    found = reports_in(path.read_bytes())
    if "plain_text_only" in path.name:
        assert found.reports == ()
        return
    (report,) = found.reports
    assert isinstance(report, Feedback)
    assert report.type == "auth-failure"
    assert report.first("source-ip")


def test_an_empty_file_is_no_report() -> None:
    with pytest.raises(ReportError):
        aggregate.parse(unpacked((SUITE / "empty.xml").read_bytes()))


def test_what_we_send_is_what_is_found() -> None:
    sent = aggregate_message(MAILING, domain="x.test", submitter="mx.test", begin_s=1, end_s=2,
                             xml=aggregate.render(DMARC))  # fmt: skip
    (found,) = reports_in(sent).reports
    assert isinstance(found, Aggregate)
    assert found.records[0].count == 3
    sent = tls_message(MAILING, domain="x.test", submitter="mx.test", begin_s=1, end_s=2, json=tls.render(TLS))
    assert reports_in(sent).reports == (TLS,)
    fields = [("Feedback-Type", "auth-failure"), ("Version", "1"), ("Source-IP", "192.0.2.1\r\nBcc: x@y.test")]
    sent = feedback_message(MAILING, subject="s\r\nBcc: a@b", words="w", fields=fields, headers=b"From: a@x.test\r\n")
    (report,) = reports_in(sent).reports
    assert isinstance(report, Feedback)
    assert report.first("Source-IP") == "192.0.2.1 Bcc: x@y.test"
    assert b"\r\nBcc" not in sent
