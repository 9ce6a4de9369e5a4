"""Who agrees to be sent reports (RFC 9990 4, RFC 7489 7.1)."""

from typing import Any

import pytest

from mail.trust.dmarc_record import read
from mail.trust.dmarc_reports import ReportDestination, mailto, report_destinations
from tests.unit.mail.trust.asking import Zone

CONSENT = "blue.example.com._report._dmarc.red.example.net"


def _run(
    uris: bytes, zone: dict[str, Any] | None = None, broken: set[Any] | None = None, **options: Any
) -> tuple[ReportDestination, ...]:
    record = read(b"v=DMARC1; p=none; rua=" + uris + b"; ruf=" + uris)
    assert record is not None
    return Zone(zone or {}, broken or set()).run(report_destinations(record, "blue.example.com", **options))


def test_ones_own_domain_needs_no_consent() -> None:
    (one,) = _run(b"mailto:a@Blue.example.com!5k")
    assert (one.consent, one.address, one.size_bytes_max) == ("own", "a@Blue.example.com", 5 << 10)
    assert one.may_be_sent


def test_nor_does_ones_own_organization() -> None:
    zone = {"_dmarc.example.com": {"TXT": [b"v=DMARC1; p=none"]}}
    assert [one.consent for one in _run(b"mailto:a@example.com,mailto:a@x.example.com", zone)] == ["own", "own"]
    assert [one.consent for one in _run(b"mailto:a@example.com")] == ["refused"]
    by_list = _run(b"mailto:a@example.com", registered_domain=lambda name: ".".join(name.split(".")[-2:]))
    assert [one.consent for one in by_list] == ["own"]


def test_consent() -> None:
    (one,) = _run(b"mailto:reports@red.example.net", {CONSENT: {"TXT": [b"other", b"v=DMARC1"]}})
    assert (one.consent, one.uri, one.may_be_sent) == ("agreed", "mailto:reports@red.example.net", True)


@pytest.mark.parametrize("tag", ["rua", "ruf"])
def test_consent_with_another_address(tag: Any) -> None:
    text = b"v=DMARC1; rua=mailto:rua@red.example.net; ruf=mailto:ruf@red.example.net"
    (one,) = _run(b"mailto:reports@red.example.net", {CONSENT: {"TXT": [text]}}, tag=tag)
    assert (one.consent, one.address, one.asked) == (
        "agreed",
        f"{tag}@red.example.net",
        "mailto:reports@red.example.net",
    )


def test_consent_that_leads_elsewhere_is_none_for_either() -> None:
    text = b"v=DMARC1; rua=mailto:a@red.example.net,mailto:b@victim.test"
    (one,) = _run(b"mailto:reports@red.example.net", {CONSENT: {"TXT": [text]}})
    assert (one.consent, one.may_be_sent) == ("refused", False)


@pytest.mark.parametrize("texts", [[], [b"yes"], [b"p=none; v=DMARC1"]])
def test_no_consent(texts: list[bytes]) -> None:
    (one,) = _run(b"mailto:reports@red.example.net", {CONSENT: {"TXT": texts}})
    assert (one.consent, one.may_be_sent) == ("refused", False)


def test_not_known_is_neither() -> None:
    (one,) = _run(b"mailto:reports@red.example.net", broken={CONSENT})
    assert (one.consent, one.may_be_sent) == ("unknown", False)
    (one,) = _run(b"mailto:reports@example.com", broken={"_dmarc.example.com"})
    assert (one.consent, one.may_be_sent) == ("unknown", False)


def test_a_name_that_is_too_long_cannot_agree() -> None:
    long = ".".join(["a" * 60] * 3 + ["net"])
    (one,) = _run(f"mailto:a@{'b' * 60}.{long}".encode())
    assert (one.consent, "too long" in one.why) == ("refused", True)


def test_other_schemes_are_ignored() -> None:
    (one,) = _run(b"https://red.example.net/report")
    assert (one.consent, one.may_be_sent) == ("refused", False)


def test_the_same_address_once() -> None:
    uris = b"mailto:a@blue.example.com,mailto:b@blue.example.com,mailto:a@blue.example.com"
    assert [one.address for one in _run(uris)] == ["a@blue.example.com", "b@blue.example.com"]


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mailto:a@b.test", "a@b.test"),
        ("MAILTO:a%2Bb@c.test?subject=x", "a+b@c.test"),
        ("mailto:a!b@c.test", "a!b@c.test"),
        ("mailto:a@b.test,c@d.test", ""),
        ("mailto:a%40b@c.test", ""),
        ("mailto:a%0D%0AX@c.test", ""),
        ("mailto:a%ff@c.test", ""),
        ("mailto:%3Ca@c.test%3E", ""),
        ("mailto:@c.test", ""),
        ("mailto:", ""),
        ("http://a@b.test", ""),
        ("mailto:" + "a" * 400 + "@b.test", ""),
    ],
)
def test_mailto(uri: str, address: str) -> None:
    assert mailto(uri) == address
