"""What is read from an answer to EHLO."""

from hypothesis import given
from hypothesis import strategies as st

from mail.smtp.client.capabilities import Capabilities, parse_hello


def test_all_of_it() -> None:
    text = """mx.example greets you
pipelining
SIZE 1000
8bitmime
CHUNKING
BINARYMIME
AUTH PLAIN login
AUTH=LOGIN CRAM-MD5
DELIVERBY 240,x
LIMITS rcptmax=5 MAILMAX=0 RCPTDOMAINMAX=1 NEW=x =
MT-PRIORITY MIXER

X-UNKNOWN what"""
    assert parse_hello(text) == Capabilities(
        extended=True,
        host="mx.example",
        pipelining=True,
        size=True,
        size_bytes_max=1000,
        eightbit=True,
        chunking=True,
        binarymime=True,
        mechanisms=("PLAIN", "LOGIN", "CRAM-MD5"),
        deliver_by=True,
        deliver_by_min_s=240,
        recipients_max=5,
        domains_max=1,
        priority=True,
    )


def test_binary_needs_chunks() -> None:
    assert not parse_hello("x\nBINARYMIME").binarymime


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert parse_hello(text).extended
