"""Who wants to hear of failed signatures and SPF checks."""

import pytest

from mail.trust.failure_requests import dkim_request, signatures_that_ask, spf_request


@pytest.mark.parametrize(
    ("record", "address", "percent", "wanted", "unwanted"),
    [
        (b"ra=dkim-errors; rp=100; rr=v:x", "dkim-errors@x.test", 100, "vx", "spu"),
        (b"ra=a=2Bb", "a+b@x.test", 100, "vxdops", ""),
        (b" rp = 5 ; ra = a.b ", "a.b@x.test", 5, "v", ""),
    ],
)
def test_a_dkim_record(record: bytes, address: str, percent: int, wanted: str, unwanted: str) -> None:
    found = dkim_request(record, "X.test")
    assert found is not None
    assert (found.address, found.percent) == (address, percent)
    assert all(found.is_for(letter) for letter in wanted)
    assert not any(found.is_for(letter) for letter in unwanted)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"rp=10",
        b"ra=a@y.test",
        b"ra=a=40y.test",
        b"ra=a; rp=101",
        b"ra=a; rp=x",
        b"ra=" + b"a" * 65,
        b"ra=a=0D=0A",
    ],
)
def test_no_dkim_request(record: bytes) -> None:
    assert dkim_request(record, "x.test") is None


def test_no_request_for_what_is_no_domain() -> None:
    assert dkim_request(b"ra=a", "localhost") is None


def test_an_spf_record() -> None:
    found = spf_request("v=spf1 mx ra=postmaster rp=10 RR=e:f -all", "x.test")
    assert found is not None
    assert (found.address, found.percent) == ("postmaster@x.test", 10)
    assert found.is_for("f")
    assert not found.is_for("s")
    assert spf_request("v=spf1 -all", "x.test") is None
    assert spf_request("v=spf1 ra=a ra=b -all", "x.test") is None
    assert spf_request("v=spf1 ra=a@y.test -all", "x.test") is None


def test_signatures_that_ask() -> None:
    head = (
        b"DKIM-Signature: v=1; d=X.test; s=One; r=y;\r\n\tb=abc\r\n"
        b"dkim-signature: v=1; d=y.test; s=two; b=abc\r\n"
        b"DKIM-Signature: d=z.test; s=three; r=n\r\n"
        b"DKIM-Signature: d=nothing; s=four; r=y\r\n"
        b"DKIM-Signature:\r\n\r\n"
    )
    assert signatures_that_ask(head) == {("x.test", "one")}
