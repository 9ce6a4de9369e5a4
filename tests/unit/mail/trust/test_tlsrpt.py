"""TLS reporting records, by the grammar of RFC 8460 3."""

import pytest

from mail.trust import tlsrpt
from mail.trust.tlsrpt import URIS_MAX, Wanted, among, read, wanted_by
from tests.unit.mail.trust.asking import Zone


@pytest.mark.parametrize(
    ("record", "rua"),
    [
        (b"v=TLSRPTv1;rua=mailto:reports@example.com", ["mailto:reports@example.com"]),
        (b"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", ["https://reporting.example.com/v1/tlsrpt"]),
        (b"v=TLSRPTv1 \t; \trua=mailto:a@x.test , HTTPS://x.test/y ;", ["mailto:a@x.test", "HTTPS://x.test/y"]),
        (b"v=TLSRPTv1; rua=mailto:a@x.test; rua=mailto:b@x.test", ["mailto:a@x.test", "mailto:b@x.test"]),
        (b"v=TLSRPTv1; ext-1=some:value; rua=mailto:a@x.test", ["mailto:a@x.test"]),
        (b"v=TLSRPTv1; rua=mailto:a@x.test,mailto:a@x.test", ["mailto:a@x.test"]),
        (b"v=TLSRPTv1; rua=ftp://x.test/y,mailto:a@x.test", ["mailto:a@x.test"]),
    ],
)
def test_a_record(record: bytes, rua: list[str]) -> None:
    found = read(record)
    assert found is not None
    assert list(found.rua) == rua


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"v=TLSRPTv1",
        b"v=TLSRPTv1;",
        b"v=TLSRPTv2; rua=mailto:a@x.test",
        b"V=TLSRPTv1; rua=mailto:a@x.test",
        b"v=tlsrptv1; rua=mailto:a@x.test",
        b" v=TLSRPTv1; rua=mailto:a@x.test",
        b"v=TLSRPTv1 rua=mailto:a@x.test",
        b"v=TLSRPTv1; rua=",
        b"v=TLSRPTv1; rua=mailto:a@x.test,",
        b"v=TLSRPTv1; rua=mailto:a b@x.test",
        b"v=TLSRPTv1; rua=a@x.test",
        b"v=TLSRPTv1; rua=ftp://x.test/y",
        b"v=TLSRPTv1;; rua=mailto:a@x.test",
        b"v=TLSRPTv1; RUA=mailto:a@x.test",
        b"v=TLSRPTv1; rua=mailto:a@x.test; nonsense",
        b"v=TLSRPTv1; rua=mailto:a@x.test; x=a b",
        b"v=TLSRPTv1; rua=mailto:a@x.test; -x=a",
        b"v=TLSRPTv1; rua=mailto:\xc3\xa4@x.test",
        b"v=TLSRPTv1; rua=mailto:a@x.test;" + b"x=y;" * 2000,
    ],
)
def test_no_record(record: bytes) -> None:
    assert read(record) is None


def test_many_uris_are_cut() -> None:
    found = read(b"v=TLSRPTv1; rua=" + b",".join(b"mailto:%d@x.test" % number for number in range(100)))
    assert found is not None
    assert len(found.rua) == URIS_MAX


def test_of_several_records_none_counts_and_others_do_not_matter() -> None:
    one, two = b"v=TLSRPTv1; rua=mailto:a@x.test", b"v=TLSRPTv1; nonsense"
    assert among([b"v=spf1 -all", one]) == tlsrpt.TlsRpt(("mailto:a@x.test",))
    assert among([one, two]) is None
    assert among([]) is None


def test_who_is_to_be_told() -> None:
    zone = Zone({"_smtp._tls.x.test": {"TXT": [b"v=TLSRPTv1; rua=mailto:a@x.test"]}})
    assert zone.run(wanted_by("x.test")) == Wanted("found", ("mailto:a@x.test",))
    assert zone.run(wanted_by("y.test")).status == "none"
    assert zone.run(wanted_by("x." * 125 + "test")).status == "none"
    broken = Zone({}, {"_smtp._tls.x.test"})
    assert broken.run(wanted_by("x.test")) == Wanted("unknown", why="the DNS gave no answer for _smtp._tls.x.test")
