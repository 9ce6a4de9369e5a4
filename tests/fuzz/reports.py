"""Promises about reports: those that come, and what they are made of. Part of promises.py."""

import contextlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from actors.report.types import Counted
from gateway.reports.receiving import summary
from gateway.reports.rows import Us, aggregates, tls_report
from mail.reports import aggregate as aggregate_reports
from mail.reports import arf, find
from mail.reports import tls as tls_reports
from mail.reports.errors import ReportError
from mail.reports.unpack import REPORT_BYTES_MAX, gzipped, unpacked
from mail.trust import failure_requests, tlsrpt


def aggregate_report(data: bytes) -> None:
    """A DMARC aggregate report: ReportError, or one that is written and read as the same, and told in few words."""
    with contextlib.suppress(ReportError):
        report = aggregate_reports.parse(data)
        again = aggregate_reports.parse(aggregate_reports.render(report, rfc9990=True))
        assert again.begin_s == report.begin_s
        assert [one.count for one in again.records] == [one.count for one in report.records]
        _few_words(report)


def tls_session_report(data: bytes) -> None:
    """A TLS report: ReportError, or a report that is written and read as the same, and told in few words."""
    with contextlib.suppress(ReportError):
        report = tls_reports.parse(data)
        assert tls_reports.parse(tls_reports.render(report)) == report
        _few_words(report)


def feedback(data: bytes) -> None:
    """An abuse or failure report: ReportError, or one whose fields are written and read as the same."""
    with contextlib.suppress(ReportError):
        report = arf.parse(data)
        written = [(name, value) for name, values in report.fields.items() for value in values]
        again = arf.parse(arf.render([("feedback-type", report.type), *written]))
        assert again.type == " ".join(report.type.split())
        _few_words(report)


def _few_words(report: Any) -> None:
    told = summary(report, 1, "x.test", "ident", ())
    assert len(msgspec.msgpack.encode(told)) < 20_000
    assert told.passed >= 0
    assert told.failed >= 0


def packed_report(data: bytes) -> None:
    """A report as it was sent: ReportError, or no more bytes than a report may have; what was packed comes back."""
    assert unpacked(gzipped(data)) == data
    for begin in (b"", b"\x1f\x8b", b"PK\x03\x04", gzipped(b"x")):
        with contextlib.suppress(ReportError):
            assert len(unpacked(begin + data)) <= REPORT_BYTES_MAX


def report_message(data: bytes) -> None:
    """A message to a report address: reports and problems, in words, whatever it is."""
    for raw in (data, b"Content-Type: application/gzip\r\n\r\n" + data):
        found = find.reports_in(raw)
        assert all(isinstance(problem, str) for problem in found.problems)


def tlsrpt_record(data: bytes) -> None:
    """A TLS reporting record: none, or some URIs of two schemes."""
    for text in (data, b"v=TLSRPTv1; rua=" + data, b"v=TLSRPTv1; rua=mailto:a@x.test;" + data):
        record = tlsrpt.read(text)
        assert record is None or 0 < len(record.rua) <= tlsrpt.URIS_MAX
        assert record is None or all(uri.lower().startswith(("mailto:", "https:")) for uri in record.rua)


def failure_request(data: bytes) -> None:
    """A wish for failure reports: none, or an address of the domain itself."""
    head = b"DKIM-Signature: d=x.test; s=s; r=y; " + data + b"\r\n\r\n"
    assert all(len(pair) == 2 for pair in failure_requests.signatures_that_ask(head))
    text = data.decode("latin-1")
    for found in (failure_requests.dkim_request(data, "x.test"), failure_requests.spf_request(text, "x.test")):
        if found is not None:
            local, _, domain = found.address.rpartition("@")
            assert domain == "x.test"
            assert local.isascii()
            assert local.isprintable()
            assert not set(local) & set('@<>,;:"() ')
            assert 0 <= found.percent <= 100


def report_row(data: bytes) -> None:
    """A row of the ledger, of whatever version: left out, or in a report that is read back."""
    us = Us("mx.test", "o", "a@b")
    for report in aggregates([Counted(data, 3)], us, "x.test", 1):
        assert aggregate_reports.render(report)
    sessions = tls_report([Counted(data, 3)], us, "x.test", 1)
    assert sessions is None or tls_reports.render(sessions)


def _row_of(row: Any) -> bytes:
    return msgspec.msgpack.encode(row)


REPORTS: Final[dict[str, Callable[[bytes], None]]] = {
    one.__name__: one
    for one in (
        aggregate_report,
        tls_session_report,
        feedback,
        packed_report,
        report_message,
        tlsrpt_record,
        failure_request,
        report_row,
    )
}
_AGGREGATE: Final = (
    b"<feedback><report_metadata><org_name>o</org_name><report_id>r</report_id><date_range><begin>1</begin><end>2</end>"
    b"</date_range></report_metadata><policy_published><domain>x.test</domain><p>none</p></policy_published>"
    b"<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>"
    b"<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>x.test</header_from>"
    b"</identifiers><auth_results><spf><domain>y.test</domain><result>pass</result></spf></auth_results></record>"
    b"</feedback>"
)
_TLS: Final = (
    b'{"organization-name":"o","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":"x"},'
    b'"report-id":"1","policies":[{"policy":{"policy-type":"sts","policy-domain":"x.test","policy-string":[]},'
    b'"summary":{"total-successful-session-count":1,"total-failure-session-count":2},"failure-details":'
    b'[{"result-type":"certificate-expired","failed-session-count":2}]}]}'
)
VALID: Final[dict[str, list[bytes]]] = {
    "aggregate_report": [_AGGREGATE, _AGGREGATE.replace(b"</row>", b""), b"<!DOCTYPE x>" + _AGGREGATE],
    "tls_session_report": [_TLS, _TLS.replace(b"[]", b"[" * 3000), b"[" * 5000],
    "feedback": [b"Feedback-Type: abuse\r\nVersion: 1\r\nSource-IP: 192.0.2.1\r\nIncidents: 3\r\n\tx\r\n"],
    "packed_report": [gzipped(_AGGREGATE), gzipped(b"x" * 5000) * 3, gzipped(_TLS)[:-3]],
    "report_message": [
        b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n'
        b"Feedback-Type: abuse\r\n--b\r\nContent-Type: text/xml\r\n\r\n" + _AGGREGATE + b"\r\n--b--\r\n",
        gzipped(_TLS),
    ],
    "tlsrpt_record": [b"v=TLSRPTv1; rua=mailto:a@x.test,https://x.test/y; ext=1;", b"mailto:a@x.test , https://y.test"],
    "failure_request": [b"ra=a=2Bb; rp=10; rr=v:x", b"v=spf1 ra=a rp=10 rr=e:f -all"],
    "report_row": [
        _row_of(
            {
                "record": {
                    "source_ip": "192.0.2.1",
                    "count": 0,
                    "disposition": "none",
                    "dkim": "pass",
                    "spf": "fail",
                    "header_from": "x.test",
                },
                "policy": {"domain": "x.test", "p": "none"},
            }
        ),
        _row_of({"policy": {"policy-type": "sts"}, "ok": False, "failures": [{"result-type": "validation-failure"}]}),
        b"\x91" * 3000,
    ],
}
