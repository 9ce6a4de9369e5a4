"""The messages that carry reports: the error report; the others are in gateway/reports/golden."""

from email import message_from_bytes
from email.policy import default

from mail.reports.compose import Mailing, error_message

MAILING = Mailing("dmarc@mx.test", ("a@x.test",), "r.1", "mx.test", 1_700_000_000_000)


def test_a_report_that_is_too_large_is_told_of_in_fields() -> None:
    uris = ["mailto:a@x.test", "mailto:b@y.test"]
    raw = error_message(MAILING, domain="x.test", submitter="mx.test", size_bytes=12345, uris=uris)
    fields, words = message_from_bytes(raw, policy=default).iter_parts()
    told = fields.get_content().splitlines()
    assert told == [
        "Report-Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "Report-Domain: x.test",
        "Report-ID: r.1",
        "Report-Size: 12345",
        "Submitter: mx.test",
        "Submitting-URI: mailto:a@x.test",
        "Submitting-URI: mailto:b@y.test",
    ]
    assert "too large" not in words.get_content()
    assert "larger" in words.get_content()
