"""actors/search/entry.py: an entry of any message, within bounds, that says what it leaves out."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.search import entry as entries
from actors.search.entry import CUT, FIELD_BYTES_MAX, FIELDS, FIELDS_CUT, ODD_HEADER, entry_of
from actors.search.tokens import RUN_BYTES_MAX, RUNS_MAX
from cluster.errors import Corrupt
from mail.message.record import read_message
from tests.unit.actors.search import making


@given(st.binary(max_size=300))
def test_any_bytes_have_an_entry(raw: bytes) -> None:
    entry = entry_of(1, raw, read_message(raw))
    assert entries.decode(entries.encode(entry)) == entry


def test_spoilt_messages_have_entries() -> None:
    dice = random.Random(4)
    for _ in range(300):
        raw = bytearray(making.message(dice))
        for _ in range(dice.randrange(20)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        entry_of(1, bytes(raw), read_message(bytes(raw)))


def test_what_is_in_an_entry() -> None:
    raw = b"From: J <j@x.org>\r\nSubject: Hello You\r\n\r\nThe Body, the body.\r\n"
    entry = entry_of(5, raw, read_message(raw))
    fields = dict(zip(FIELDS, entry.fields, strict=True))
    assert fields == {"from": b"\xfeJ <J@X.ORG>", "to": b"", "cc": b"", "bcc": b"", "subject": b"\xfeHELLO YOU"}
    assert (entry.email, entry.flags, entry.language) == (5, 0, 0)
    assert set(entry.runs[0].split()) == {b"FROM", b"J", b"X", b"ORG", b"SUBJECT", b"HELLO", b"YOU"}
    assert set(entry.runs[2].split()) == {b"THE", b"BODY"}
    assert entry.runs[1] == entry.runs[3] == b""
    assert entry.runs[2][:1] == entry.runs[2][-1:] == b"\n"


def test_too_many_words_are_cut_and_said() -> None:
    dice = random.Random(1)
    raw = b"\r\n" + " ".join("".join(dice.choices("abcdefgh", k=9)) for _ in range(2 * RUNS_MAX)).encode()
    entry = entry_of(1, raw, read_message(raw))
    assert entry.flags & CUT
    assert len(entry.runs[2]) <= RUN_BYTES_MAX + RUNS_MAX
    assert entries.unread(1, read_message(raw)).flags & CUT


def test_too_long_fields_are_left_out_and_said() -> None:
    people = ", ".join(f"A Person With A Name {at} <person.{at}@example.org>" for at in range(400))
    raw = f"To: {people}\r\nSubject: x\r\n\r\n".encode()
    entry = entry_of(1, raw, read_message(raw))
    assert entry.flags == FIELDS_CUT
    assert max(map(len, entry.fields)) <= FIELD_BYTES_MAX
    assert entry.fields[FIELDS.index("subject")] == b"\xfeX"


@pytest.mark.parametrize(
    ("header", "odd"),
    [
        (b"X: plain", False),
        (b"X: =?utf-8?q?caf=C3=A9?=", False),
        ("X: café".encode(), False),
        ("X: café".encode() + b"\r\nY: \xff", True),
    ],
)
def test_headers_that_read_otherwise_field_by_field(header: bytes, odd: bool) -> None:
    raw = header + b"\r\n\r\n"
    assert bool(entry_of(1, raw, read_message(raw)).flags & ODD_HEADER) is odd


@pytest.mark.parametrize("stored", [b"", b"\2abc", b"\1", b"\1\0\xff", b"\1\0\x91\x01"])
def test_damaged_entries_are_told(stored: bytes) -> None:
    with pytest.raises(Corrupt):
        entries.decode(stored)


def test_many_large_parts_cost_no_more_than_one() -> None:
    """A character may be eighteen when it is folded: what is behind the limit is not folded, and no part is kept."""
    part = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "\ufdfa ".encode() * 500_000 + b"\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 5 + b"--b--\r\n"
    record = read_message(raw)
    tracemalloc.start()
    try:
        entry = entry_of(1, raw, record)
        assert tracemalloc.get_traced_memory()[1] < 80 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert entry.flags & CUT
