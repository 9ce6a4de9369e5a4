"""Modified UTF-7: every name comes back, and each has one spelling only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap import utf7
from mail.imap.errors import ImapError


@given(st.text())
def test_every_name_comes_back(name: str) -> None:
    wire = utf7.encode(name)
    assert all(0x20 <= octet <= 0x7E for octet in wire)
    assert utf7.decode(wire) == name


@given(st.binary() | st.from_regex(rb"([a&-]|&[A-Za-z0-9+,/]{0,8}-?)*", fullmatch=True))
def test_a_name_has_one_spelling(wire: bytes) -> None:
    try:
        name = utf7.decode(wire)
    except ImapError:
        return
    assert utf7.encode(name) == wire


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 5.1.3
        ("Hi Mom -☺-!", b"Hi Mom -&Jjo--!"),
        ("R&D", b"R&-D"),
        ("&", b"&-"),
        ("", b""),
        ("😀", b"&2D3eAA-"),
    ],
)
def test_examples(name: str, wire: bytes) -> None:
    assert utf7.encode(name) == wire
    assert utf7.decode(wire) == name


@pytest.mark.parametrize(
    "wire",
    [
        b"&Jjo!",  # left open
        b"&U,BTFw-&ZeVnLIqe-",  # two shifts where one would do
        b"&AGE-",  # a letter that stands for itself
        b"&2D0-",  # half of a surrogate pair
        b"&A-",  # no whole UTF-16 unit
        b"&AOl-",  # bits left over
        b"&AO/k-",  # base64's slash
        b"caf\xc3\xa9",
        b"a\tb",
    ],
)
def test_what_is_refused(wire: bytes) -> None:
    with pytest.raises(ImapError) as error:
        utf7.decode(wire)
    assert (error.value.status, error.value.code) == (b"NO", b"CANNOT")


def test_half_a_surrogate_pair_cannot_be_sent() -> None:
    with pytest.raises(ImapError):
        utf7.encode("\ud800")


def test_a_name_full_of_shifts_costs_no_more_than_its_length() -> None:
    # Looking for the end of each shift anew would take minutes.
    for wire in (b"&" * 300_000, b"&A" * 150_000):
        with pytest.raises(ImapError):
            utf7.decode(wire)
