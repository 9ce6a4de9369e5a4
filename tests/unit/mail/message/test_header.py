"""Header blocks: where they end, their fields, and subsets of them."""

import pytest

from mail.message.header import REPEATED, fields, header_end, header_fields_subset, unfold, values, wanted_fields
from mail.message.limits import Limits


@pytest.mark.parametrize(
    ("raw", "header"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n\r\n"),
        (b"A: b\n\nbody", b"A: b\n\n"),
        (b"A: b\n\r\nbody", b"A: b\n\r\n"),
        (b"A: b\r\n c\r\n\r\nbody", b"A: b\r\n c\r\n\r\n"),
        (b"A: b\r\n \r\nC: d\r\n\r\nbody", b"A: b\r\n \r\nC: d\r\n\r\n"),
        (b"\r\nbody\r\n\r\n", b"\r\n"),
        (b"\nbody", b"\n"),
        (b"body alone\r\n\r\nmore", b""),
        (b"A: b\r\nthe body: so\r\nx", b"A: b\r\n"),
        (b"A: b\r\nbroken line\r\nC: d\r\n\r\nbody", b"A: b\r\nbroken line\r\nC: d\r\n\r\n"),
        (b"A: b", b"A: b"),
        (b"From x Thu\r\nA: b\r\n\r\nbody", b"From x Thu\r\nA: b\r\n\r\n"),
        (b">From x Thu\nA: b\n\nbody", b">From x Thu\nA: b\n\n"),
        (b"From x Thu\r\n\r\nbody", b"From x Thu\r\n\r\n"),
        (b"", b""),
        (b" folded first\r\n\r\nx", b""),
    ],
)
def test_header_end(raw: bytes, header: bytes) -> None:
    assert raw[: header_end(raw, 0, len(raw))] == header


def test_header_end_stays_within_its_region() -> None:
    assert header_end(b"xxA: b\r\n\r\nbody", 2, 8) == 8


def test_wanted_fields_keep_the_first_but_join_addresses() -> None:
    raw = b"Subject: one\r\nsubject: two\r\nTo: a@x\r\nTO: b@x\r\nX-Other: z\r\nDate : d\r\n\r\n"
    found = wanted_fields(raw, 0, len(raw))
    assert set(found) == {b"subject", b"to", b"date", REPEATED}
    assert unfold(found[b"subject"]) == b"one"
    assert found[b"to"].replace(b"\r", b"") == b" a@x, b@x"


def test_wanted_fields_are_capped() -> None:
    raw = b"X: y\r\n" * 50 + b"Subject: late\r\n\r\n"
    assert wanted_fields(raw, 0, len(raw), Limits(fields_max=50)) == {}
    assert wanted_fields(raw, 0, len(raw), Limits(header_bytes_max=100)) == {}
    assert wanted_fields(b"Subject: long\r\n\r\n", 0, 17, Limits(value_bytes_max=3)) == {b"subject": b" lo"}
    assert wanted_fields(b"To: a@b,c@d\r\n\r\n", 0, 15, Limits(value_bytes_max=7)) == {b"to": b" a@b"}


def test_fields_have_offsets_and_order() -> None:
    raw = b"B: 1\r\n 2\r\njunk\r\nA:3\nb : 4"
    assert [(f.name, raw[f.value_start : f.end]) for f in fields(raw)] == [
        (b"B", b" 1\r\n 2\r\n"),
        (b"A", b"3\n"),
        (b"b", b" 4"),
    ]
    assert values(raw, b"b") == [b" 1\r\n 2\r\n", b" 4"]
    assert len(fields(b"A: b\r\n" * 9, limits=Limits(fields_max=4))) == 4


def test_unfold() -> None:
    assert unfold(b" a\r\n b\n\tc\r\n") == b"a b\tc"


@pytest.mark.parametrize(
    ("names", "exclude", "expected"),
    [
        ([b"to", b"DATE"], False, b"To: x\r\n y\r\nDate: d\r\nTo: z\r\n\r\n"),
        ([b"to", b"subject"], True, b"Date: d\r\n\r\n"),
        ([b"none"], False, b"\r\n"),
        ([], True, b"To: x\r\n y\r\nSubject: s\r\nDate: d\r\nTo: z\r\n\r\n"),
    ],
)
def test_subset(names: list[bytes], exclude: bool, expected: bytes) -> None:
    raw = b"To: x\r\n y\r\nSubject: s\r\nDate: d\r\nTo: z\r\n\r\n"
    assert header_fields_subset(raw, names, exclude) == expected


def test_subset_of_a_header_without_end() -> None:
    assert header_fields_subset(b"A: b", [b"a"]) == b"A: b\r\n\r\n"
