"""Certificates against TLSA records: RFC 7671, RFC 7672 §3."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import assume, given
from hypothesis import strategies as st

from mail.trust.chain import CHAIN_MAX, match, name_fits
from mail.trust.dane import Tlsa
from tests.authorities import NOW, Certified, rsa_key

NAMES = ("mx.example.test", "example.test")
ROOT = Certified.root()
BETWEEN = ROOT.authority("Between")
SERVER = BETWEEN.server("mx.example.test", "*.wild.test")
OTHER = Certified.root("Other")


def record(usage: int, selector: int, matching: int, of: Certified) -> Tlsa:
    data = of.spki if selector else of.der
    digests = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}
    return Tlsa(usage, selector, matching, digests[matching])


def tried(chain: Sequence[bytes], *records: Tlsa, names: tuple[str, ...] = NAMES, now: dt.datetime = NOW) -> str:
    """Empty where it fits, else the failure."""
    found = match(chain, records, names, now.timestamp())
    assert found.ok == (not found.failure) == (found.by in records) == (not found.why)
    return found.failure


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_the_servers_own_certificate(selector: int, matching: int) -> None:
    assert tried([SERVER.der], record(3, selector, matching, SERVER)) == ""
    assert tried([SERVER.der], record(3, selector, matching, OTHER)) == "certificate-not-trusted"
    assert tried(SERVER.chain, record(3, selector, matching, BETWEEN)) == "certificate-not-trusted"


def test_its_names_and_dates_do_not_matter() -> None:
    assert tried([SERVER.der], record(3, 1, 1, SERVER), names=("else.test",), now=NOW + dt.timedelta(days=9000)) == ""


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_a_trust_anchor_that_is_shown(selector: int, matching: int) -> None:
    assert tried(SERVER.chain, record(2, selector, matching, BETWEEN)) == ""
    assert tried([*SERVER.chain, ROOT.der], record(2, selector, matching, ROOT)) == ""
    assert tried([*SERVER.chain, OTHER.der], record(2, selector, matching, OTHER)) == "certificate-not-trusted"


@pytest.mark.parametrize("key", [None, rsa_key(), ed25519.Ed25519PrivateKey.generate()], ids=["ec", "rsa", "ed25519"])
def test_a_trust_anchor_that_is_not_shown(key: Any) -> None:
    root = Certified.root(key=key)
    server = root.authority("Between").server("mx.example.test")
    assert tried(server.chain, record(2, 0, 0, root)) == ""
    assert tried(server.chain, record(2, 1, 0, root)) == ""
    assert tried(server.chain, record(2, 1, 1, root)) == "certificate-not-trusted"  # nothing to check signatures with
    assert tried(server.chain, record(2, 1, 0, OTHER)) == "certificate-not-trusted"


def test_an_order_that_is_none_and_strangers_in_between() -> None:
    assert tried([SERVER.der, OTHER.der, ROOT.der, b"no", BETWEEN.der], record(2, 0, 1, ROOT)) == ""


def test_the_server_itself_is_no_anchor() -> None:
    assert tried(SERVER.chain, record(2, 0, 1, SERVER)) == "certificate-not-trusted"
    alone = Certified.root("mx.example.test")
    assert tried([alone.der], record(2, 0, 1, alone)) == "certificate-not-trusted"


@pytest.mark.parametrize(
    ("names", "failure"),
    [
        (("mx.example.test",), ""),
        (("example.test", "MX.EXAMPLE.TEST."), ""),
        (("a.wild.test",), ""),
        (("a.b.wild.test",), "certificate-host-mismatch"),
        (("wild.test",), "certificate-host-mismatch"),
        ((), "certificate-host-mismatch"),
    ],
)
def test_names_count_under_an_anchor(names: tuple[str, ...], failure: str) -> None:
    assert tried(SERVER.chain, record(2, 1, 1, BETWEEN), names=names) == failure


def test_a_common_name_counts_where_there_is_no_other() -> None:
    anchor = record(2, 1, 1, BETWEEN)
    assert tried(BETWEEN.server(common_name="mx.example.test").chain, anchor) == ""
    both = BETWEEN.server("else.test", common_name="mx.example.test")
    assert tried(both.chain, anchor) == "certificate-host-mismatch"


def test_dates_count_under_an_anchor() -> None:
    old = BETWEEN.server("mx.example.test", now=NOW - dt.timedelta(days=500))
    assert tried(old.chain, record(2, 1, 1, BETWEEN)) == "certificate-expired"
    before = ROOT.authority("Old", now=NOW - dt.timedelta(days=500))
    assert tried(before.server("mx.example.test").chain, record(2, 1, 1, before)) == "certificate-not-trusted"


def test_who_may_not_issue_vouches_for_nobody() -> None:
    shady = SERVER.server("mx.example.test")
    assert tried([shady.der, *SERVER.chain], record(2, 1, 1, BETWEEN)) == "certificate-not-trusted"
    narrow = ROOT.authority("Narrow", path_length=0)
    deep = narrow.authority("Deep").server("mx.example.test")
    assert tried(deep.chain, record(2, 1, 1, narrow)) == "certificate-not-trusted"
    assert tried(narrow.server("mx.example.test").chain, record(2, 1, 1, narrow)) == ""


def test_a_forged_signature() -> None:
    twin = Certified.root("Between")  # the same name, another key
    forged = twin.server("mx.example.test")
    assert tried([forged.der, BETWEEN.der], record(2, 1, 1, BETWEEN)) == "certificate-not-trusted"


def test_long_chains_and_rings_end() -> None:
    long = ROOT
    for number in range(CHAIN_MAX + 5):
        long = long.authority(f"Level {number}")
    chain = [*long.server("mx.example.test").chain, ROOT.der]
    assert tried(chain, record(2, 1, 1, ROOT)) == "certificate-not-trusted"
    assert tried([ROOT.der] * 50, record(2, 1, 1, OTHER)) == "certificate-not-trusted"


def test_any_record_that_fits_will_do() -> None:
    records = (record(3, 1, 1, OTHER), record(2, 0, 1, OTHER), record(3, 0, 2, SERVER))
    assert tried(SERVER.chain, *records) == ""


def test_no_certificate_is_a_failure() -> None:
    assert tried([], record(3, 1, 1, SERVER)) == "validation-failure"
    assert tried([b"no certificate"], record(2, 1, 1, SERVER)) == "validation-failure"
    assert tried([b"no certificate"], record(3, 1, 1, SERVER)) == "certificate-not-trusted"
    assert tried([b"x" * 100_000], record(3, 0, 0, SERVER)) == "validation-failure"


def test_a_record_of_nothing_fits_nothing() -> None:
    assert tried([b""], Tlsa(3, 1, 1, hashlib.sha256(b"").digest())) == "certificate-not-trusted"


@given(st.binary(max_size=60), st.integers(0, len(SERVER.der) - 1), st.integers(1, 255))
def test_no_bytes_raise_anything(data: bytes, at: int, change: int) -> None:
    # How many bits at its end a signature does not use: another number says nothing where these are zeros.
    assume(at != len(SERVER.der) - len(SERVER.certificate.signature) - 1)
    spoilt = bytearray(SERVER.der)
    spoilt[at] ^= change
    records = (record(3, 1, 1, OTHER), record(2, 1, 0, BETWEEN), Tlsa(2, 1, 0, data or b"x"))
    assert not match([bytes(spoilt), BETWEEN.der], records[:1], NAMES, NOW.timestamp()).ok
    assert not match([bytes(spoilt), BETWEEN.der], records, NAMES, NOW.timestamp()).ok  # the signature does not fit
    assert not match([data, data], records, NAMES, NOW.timestamp()).ok


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("a.test", "a.test", True),
        ("A.test.", "a.TEST", True),
        ("a.b.test", "*.b.test", True),
        ("b.test", "*.test", False),  # a whole top level
        ("a.b.test", "*", False),
        ("a.b.test", "a*.b.test", False),
        ("", "", True),
    ],
)
def test_names_of_certificates(name: str, pattern: str, fits: bool) -> None:
    assert name_fits(name, pattern) is fits
