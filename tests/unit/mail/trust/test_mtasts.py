"""MTA-STS records and policies (RFC 8461), each case a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.trust.mtasts import (
    MAX_AGE_S_MAX,
    POLICY_BYTES_MAX,
    BadPolicy,
    Policy,
    Record,
    id_of,
    lines_of,
    read_policy,
    read_record,
    record_of,
    render,
)

GOOD = b"version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 604800\n"
POLICY = Policy("enforce", ("mx.example.test",), 604_800)


@pytest.mark.parametrize(
    ("texts", "ident"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=a"], "a"),
        ([b"v=STSv1; \tid=a \t; "], "a"),
        ([b"v=STSv1; x.y-z_1=!#~; id=a"], "a"),
        ([b"v=STSv1; id=first; id=second"], "first"),
        ([b"other", b"v=STSv1; id=a", b"v=STSv2; id=b", b"v=STSv1"], "a"),
        ([b"v=STSv1; id=" + b"a" * 32], "a" * 32),
    ],
)
def test_a_record(texts: list[bytes], ident: str) -> None:
    assert read_record(texts) == Record(ident, "")


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "no record"),
        ([b"v=spf1 -all"], "no record"),
        ([b"v=STSv1"], "no record"),
        ([b" v=STSv1; id=a"], "no record"),
        ([b"V=STSv1; id=a"], "no record"),
        ([b"v=STSv1 ; id=a"], "no record"),  # RFC 8461 §3.1, erratum 6285
        ([b"v=STSv1; id=a", b"v=STSv1; id=b"], "several records"),
        ([b"v=STSv1; id=a", b"v=STSv1; id=a"], "several records"),
        ([b"v=STSv1;"], "the record has no id"),
        ([b"v=STSv1; id=" + b"a" * 33], "the record has no id"),
        ([b"v=STSv1; id=a-b"], "the record has no id"),
        ([b"v=STSv1; ID=a"], "the record has no id"),
        ([b"v=STSv1; id="], "the record is malformed"),
        ([b"v=STSv1; id = a"], "the record is malformed"),
        ([b"v=STSv1; id=a b"], "the record is malformed"),
        ([b"v=STSv1; id=\xff"], "the record is malformed"),
    ],
)
def test_what_is_no_record(texts: list[bytes], why: str) -> None:
    assert read_record(texts) == Record("", why)


@pytest.mark.parametrize(
    ("data", "policy"),
    [
        (GOOD, POLICY),
        (GOOD.replace(b"\n", b"\r\n"), POLICY),
        (GOOD.strip(), POLICY),
        (GOOD.replace(b": ", b":"), POLICY),
        (GOOD.replace(b": ", b":\t  "), POLICY),
        (GOOD.replace(b"\n", b" \t\r\n"), POLICY),
        (GOOD + b"\r\n\n", POLICY),
        (GOOD + "x_new.field-1: any thing, ä\n".encode(), POLICY),
        (b"mode: enforce\nmax_age: 604800\nmx: MX.Example.test\nversion: STSv1", POLICY),
        (GOOD + b"mode: none\nmax_age: 1\nversion: STSv2\n", POLICY),
        (GOOD + b"mx: *.B.test\nmx: mx.example.test\n", POLICY._replace(mx=("mx.example.test", "*.b.test"))),
        (GOOD.replace(b"604800", b"9999999999"), POLICY._replace(max_age_s=MAX_AGE_S_MAX)),
        (GOOD.replace(b"604800", b"0"), POLICY._replace(max_age_s=0)),
        (GOOD.replace(b"enforce", b"testing"), POLICY._replace(mode="testing")),
        (b"version: STSv1\nmode: none\nmax_age: 86400\n", Policy("none", (), 86_400)),
    ],
)
def test_a_policy(data: bytes, policy: Policy) -> None:
    assert read_policy(data) == policy


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "version"),
        (GOOD.replace(b"STSv1", b"STSv2"), "version"),
        (GOOD.replace(b"version", b"Version"), "version"),
        (GOOD.replace(b"enforce", b"Enforce"), "mode"),
        (GOOD.replace(b"enforce", b"report"), "mode"),
        (GOOD.replace(b"mode: enforce\n", b""), "mode"),
        (GOOD.replace(b"mx: mx.example.test\n", b""), "no mx"),
        (GOOD.replace(b"max_age: 604800\n", b""), "max_age"),
        (GOOD.replace(b"604800", b"-1"), "max_age"),
        (GOOD.replace(b"604800", b"1e9"), "max_age"),
        (GOOD.replace(b"604800", b"12345678901"), "max_age"),
        (GOOD.replace(b"604800", "٣".encode()), "max_age"),
        (GOOD.replace(b"mx.example.test", b"*"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"*.*.test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"mx.*.test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"-a.test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"a-.test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"a..test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"a.test."), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"a.test, b.test"), "is no mx"),
        (GOOD.replace(b"mx.example.test", "bücher.test".encode()), "is no mx"),
        (GOOD.replace(b"mx.example.test", b"a" * 254), "is no mx"),
        (GOOD.replace(b"mx: ", b" mx: "), "no field"),
        (GOOD.replace(b"mx: ", b"mx : "), "no field"),
        (GOOD.replace(b"mx: ", b"mx "), "no field"),
        (GOOD + b"<html>", "no field"),
        (GOOD + b"x: \0", "no field"),
        (GOOD + b"x:\n", "no field"),
        (GOOD + b"x: \xff", "UTF-8"),
        (GOOD + b"\n" * POLICY_BYTES_MAX, "more than 65536 bytes"),
    ],
)
def test_what_is_no_policy(data: bytes, why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        read_policy(data)


@pytest.mark.parametrize(
    ("mx", "host", "fits"),
    [
        ("mx.example.test", "mx.example.test", True),
        ("mx.example.test", "MX.Example.TEST.", True),
        ("mx.example.test", "mx2.example.test", False),
        ("*.example.test", "mx.example.test", True),
        ("*.example.test", "example.test", False),
        ("*.example.test", "a.mx.example.test", False),
        ("*.example.test", "mx.example.test.evil.test", False),
        ("*.example.test", "", False),
    ],
)
def test_which_hosts_a_policy_names(mx: str, host: str, fits: bool) -> None:
    assert Policy("enforce", (mx,), 1).names(host) is fits


def test_a_policy_of_ours() -> None:
    assert render(POLICY) == GOOD.replace(b"\n", b"\r\n")
    assert read_policy(render(POLICY)) == POLICY
    assert lines_of(POLICY) == ("version: STSv1", "mode: enforce", "mx: mx.example.test", "max_age: 604800")
    assert read_record([record_of(POLICY).encode()]) == Record(id_of(POLICY), "")
    assert id_of(POLICY) != id_of(POLICY._replace(mode="testing"))


@given(st.binary(max_size=300), st.integers(0, len(GOOD)))
def test_no_bytes_raise_anything_else(data: bytes, at: int) -> None:
    for spoilt in (data, GOOD[:at] + data + GOOD[at:]):
        try:
            policy = read_policy(spoilt)
        except BadPolicy:
            continue
        assert read_policy(render(policy)) == policy
    assert read_record([b"v=STSv1;" + data]).id.isalnum() or read_record([b"v=STSv1;" + data]).why
