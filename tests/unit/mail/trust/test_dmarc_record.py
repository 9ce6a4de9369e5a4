"""DMARC records: what is one, and what of it counts (RFC 9989 4.7, 4.8; RFC 7489 6.3, 6.4)."""

import pytest

from mail.trust.dmarc_record import Destination, is_record, read


@pytest.mark.parametrize(
    "text",
    [
        b"v=DMARC1",
        b"v=DMARC1;",
        b"v=DMARC1; p=none",
        b" v = DMARC1 ; p = none ; ",
        b"V=DMARC1;p=none",
        b"v\t=\tDMARC1\t;",
    ],
)
def test_a_record(text: bytes) -> None:
    assert is_record(text)
    assert read(text) is not None


@pytest.mark.parametrize(
    "text", [b"", b"v=DMARC2; p=none", b"v=dmarc1; p=none", b"v=DMARC1 p=none", b"p=none; v=DMARC1", b"v=DMARC10", b"x"]
)
def test_no_record(text: bytes) -> None:
    assert not is_record(text)
    assert read(text) is None


def test_all_tags() -> None:
    record = read(
        b"v=DMARC1; p=Reject; sp=QUARANTINE; np=none; adkim=S; aspf=s; psd=Y; t=y; pct=12; fo=1:d:s:d:x; rf=afrf:iodef;"
        b" ri=3600; rua=mailto:a@example.com!10m , mailto:b@example.com,https://x.test/y; ruf=mailto:c@example.com;"
    )
    assert record is not None
    assert (record.p, record.sp, record.np, record.adkim, record.aspf) == ("reject", "quarantine", "none", "s", "s")
    assert (record.psd, record.testing, record.pct, record.fo, record.ri_s) == ("y", True, 12, ("1", "d", "s"), 3600)
    assert record.rua == (
        Destination("mailto:a@example.com", 10 << 20),
        Destination("mailto:b@example.com"),
        Destination("https://x.test/y"),
    )
    assert (record.ruf, record.rf) == ((Destination("mailto:c@example.com"),), ("afrf", "iodef"))


def test_what_is_wrong_is_as_if_it_were_not_there() -> None:
    record = read(
        b"v=DMARC1; p=none; adkim=x; aspf=; psd=z; t=maybe; pct=101; fo=z; ri=-1; rf=; rua=,nothing,mailto:a@b.test!;"
        b" unknown=1; =x; x; p=reject; ruf=mailto:a@b.test!1x"
    )
    assert record is not None
    assert record == read(b"v=DMARC1; p=none")._replace(text=record.text)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "applies", "policies"),
    [
        (b"v=DMARC1; p=reject", True, ("reject", "reject", "reject")),
        (b"v=DMARC1; p=reject; sp=none", True, ("reject", "none", "none")),
        (b"v=DMARC1; p=none; np=reject", True, ("none", "none", "reject")),
        (b"v=DMARC1; p=none; sp=quarantine; np=reject", True, ("none", "quarantine", "reject")),
        (b"v=DMARC1", False, ("none", "none", "none")),
        (b"v=DMARC1; rua=mailto:a@b.test", True, ("none", "none", "none")),
        (b"v=DMARC1; p=bogus; rua=mailto:a@b.test", True, ("none", "none", "none")),
        (b"v=DMARC1; p=reject; sp=bogus", False, ("none", "none", "none")),
        (b"v=DMARC1; p=reject; sp=bogus; rua=mailto:a@b.test", True, ("none", "none", "none")),
        (b"v=DMARC1; p=reject; np=bogus; rua=x", False, ("none", "none", "none")),
        (b"v=DMARC1; sp=reject; p=none", True, ("none", "reject", "reject")),
    ],
)
def test_policies(text: bytes, applies: bool, policies: tuple[str, ...]) -> None:
    record = read(text)
    assert record is not None
    assert record.applies is applies
    assert tuple(record.policy_for(tag)[0] for tag in ("p", "sp", "np")) == policies


def test_hostile_records_are_bounded() -> None:
    record = read(b"v=DMARC1; p=none; rua=" + b",".join([b"mailto:a@b.test"] * 1000))
    assert record is not None
    assert len(record.rua) == 10
    assert read(b"v=DMARC1;" + b"a=b;" * 100_000 + b"p=none") is not None
    assert read(b"v=DMARC1; p=none; fo=" + b"0:" * 10_000) is not None
