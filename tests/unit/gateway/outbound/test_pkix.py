"""Chains under known authorities."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.outbound.pkix import Authorities
from tests.authorities import NOW, Certified

ROOT = Certified.root()
SERVER = ROOT.authority("Between").server("mx.example.test", "*.wild.test")
TRUSTED = Authorities([ROOT.der])
UNUSED_BITS = (
    len(SERVER.der) - len(SERVER.certificate.signature) - 1
)  # of the signature: the one byte nobody vouches for


@pytest.mark.parametrize(
    ("chain", "host", "days", "failure"),
    [
        (SERVER.chain, "mx.example.test", 0, ""),
        (SERVER.chain, "a.wild.test", 0, ""),
        (SERVER.chain, "mx2.example.test", 0, "certificate-host-mismatch"),
        (SERVER.chain, "mx.example.test", 1000, "certificate-expired"),
        (SERVER.chain, "mx.example.test", -10, "certificate-expired"),
        (SERVER.chain[:1], "mx.example.test", 0, "certificate-not-trusted"),
        (Certified.root("Other").server("mx.example.test").chain, "mx.example.test", 0, "certificate-not-trusted"),
        (ROOT.server(common_name="mx.example.test").chain, "mx.example.test", 0, "certificate-not-trusted"),
        ([], "mx.example.test", 0, "certificate-not-trusted"),
        ([b"no certificate"], "mx.example.test", 0, "certificate-not-trusted"),
        (SERVER.chain, "192.0.2.1", 0, "certificate-host-mismatch"),
        (ROOT.server("mx.example.test", addresses=["192.0.2.1"]).chain, "192.0.2.1", 0, ""),
        (SERVER.chain, "", 0, "certificate-host-mismatch"),
        (SERVER.chain, "bücher.test", 0, "certificate-host-mismatch"),
    ],
)
def test_a_chain(chain: list[bytes], host: str, days: int, failure: str) -> None:
    found = TRUSTED.verify(chain, host, (NOW + dt.timedelta(days=days)).timestamp())
    assert (found.ok, found.failure) == (not failure, failure)
    assert bool(found.why) == bool(failure)


@example(at=SERVER.der.index(b"\xa0\x03\x02\x01\x02") + 4, change=1)  # a version that there is not
@given(st.integers(0, len(SERVER.der) - 1), st.integers(1, 255))
def test_no_bytes_raise_anything(at: int, change: int) -> None:
    spoilt = bytearray(SERVER.der)
    spoilt[at] ^= change
    found = TRUSTED.verify([bytes(spoilt), *SERVER.chain[1:]], "mx.example.test", NOW.timestamp())
    assert not found.ok or at == UNUSED_BITS


def test_the_systems_authorities_do_not_vouch_for_ours() -> None:
    assert not Authorities().verify(SERVER.chain, "mx.example.test", NOW.timestamp()).ok
