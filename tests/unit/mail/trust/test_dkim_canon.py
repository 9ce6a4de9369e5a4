"""Both canonicalizations: the standard's examples, what each rule says, and linear time for any body."""

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.trust.dkim_canon import Form, Signable, canonical_field, signed_fields

EXAMPLE = b"A: X \r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n"  # RFC 6376 3.4.5


def test_the_example_of_the_standard() -> None:
    message = Signable(EXAMPLE)
    assert [canonical_field(field.raw, "relaxed") for field in message.fields] == [b"a:X\r\n", b"b:Y Z\r\n"]
    assert [canonical_field(field.raw, "simple") for field in message.fields] == [b"A: X \r\n", b"B : Y\t\r\n\tZ  \r\n"]
    assert message.canonical_body("relaxed") == b" C\r\nD E\r\n"
    assert message.canonical_body("simple") == b" C \r\nD \t E\r\n"


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \r\n\t\r\n", b" \r\n\t\r\n", b""),
        (b" ", b" \r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a \t", b"a \t\r\n", b"a\r\n"),
        (b"a\r\n \r\n\r\n", b"a\r\n \r\n", b"a\r\n"),
        (b"a\n\n", b"a\n\n\r\n", b"a\n\n\r\n"),  # a bare LF ends no line
        (b"a \n", b"a \n\r\n", b"a \n\r\n"),
        (b"a\r\r\n\r\n", b"a\r\r\n", b"a\r\r\n"),
        (b"a\n\r\n\r\n", b"a\n\r\n", b"a\n\r\n"),
        (b"\n\r\n", b"\n\r\n", b"\n\r\n"),
        (b"a\r\n\r", b"a\r\n\r\r\n", b"a\r\n\r\r\n"),
        (b"a\r\n\n\r\n", b"a\r\n\n\r\n", b"a\r\n\n\r\n"),
        (b"a  b\t\tc\x0b d", b"a  b\t\tc\x0b d\r\n", b"a b c\x0b d\r\n"),
    ],
)
def test_bodies(body: bytes, simple: bytes, relaxed: bytes) -> None:
    message = Signable(b"A: b\r\n\r\n" + body)
    assert message.canonical_body("simple") == simple
    assert message.canonical_body("relaxed") == relaxed
    assert message.canonical_bytes("simple") == len(simple)


def test_hashes_of_an_empty_body_are_the_standard_s() -> None:
    message = Signable(b"A: b\r\n\r\n")
    assert message.hashed("relaxed") == hashlib.sha256(b"").digest()
    assert message.hashed("simple") == hashlib.sha256(b"\r\n").digest()


def _slow(body: bytes, form: Form) -> bytes:
    """RFC 6376 3.4.3 and 3.4.4, a sentence a line."""
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        body = b"\r\n".join(lines)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n" if body or form == "simple" else b""


_PIECES = st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"  ", b"a", b"\xff", b"\r\n\r\n", b" \r\n"])


@given(st.lists(_PIECES, max_size=20).map(b"".join), st.sampled_from(["simple", "relaxed"]), st.integers(0, 30))
@settings(max_examples=500, deadline=None)
def test_any_body_is_as_the_slow_way_has_it(body: bytes, form: Form, length: int) -> None:
    message = Signable(b"A: b\r\n\r\n" + body)
    slow = _slow(body, form)
    assert message.canonical_body(form) == slow
    assert message.canonical_bytes(form) == len(slow)
    assert message.canonical_body(form, length) == slow[:length]
    assert message.hashed(form, length) == hashlib.sha256(slow[:length]).digest()


@pytest.mark.parametrize("unit", [b" ", b"\t", b"\r\n", b"\r", b" \r\n", b"\r\nx", b"\n\r", b"\t "])
def test_five_megabytes_of_anything(unit: bytes) -> None:
    body = unit * (5_000_000 // len(unit))
    message = Signable(b"A: b\r\n\r\n" + body)
    assert message.canonical_body("relaxed") == _slow_enough(body, "relaxed")
    assert message.canonical_bytes("simple") <= len(body) + 2


def _slow_enough(body: bytes, form: Form) -> bytes:
    """As `_slow`, but it ends: the CRLFs at the end are counted from lines."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize(
    ("raw", "relaxed"),
    [
        (b"SUBJect: AbC\r\n", b"subject:AbC\r\n"),
        (b"A\t : \r\n\t b\r\n", b"a:b\r\n"),
        (b"A:\r\n", b"a:\r\n"),
        (b"A: a:b: c", b"a:a:b: c\r\n"),
        (b"A: \xc3\xbc\xff\x0b\r\n", b"a:\xc3\xbc\xff\x0b\r\n"),
    ],
)
def test_fields(raw: bytes, relaxed: bytes) -> None:
    assert canonical_field(raw, "relaxed") == relaxed


def test_fields_are_taken_from_the_lowest_up_and_missing_ones_are_nothing() -> None:
    message = Signable(b"A: 1\r\nB: 2\r\nno field\r\nA: 3\r\n\r\n")
    assert signed_fields(message, [b"a", b"b", b"a", b"a", b"c"], "simple") == b"A: 3\r\nB: 2\r\nA: 1\r\n"
    first = message.fields[0]
    assert signed_fields(message, [b"a", b"a"], "simple", without=first) == b"A: 3\r\n"


@given(st.lists(st.sampled_from([b" ", b"\t", b"a", b":", b"\r\n ", b"\r\n\t"])).map(b"".join))
def test_a_relaxed_field_has_single_spaces(value: bytes) -> None:
    expected = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
    assert canonical_field(b"Name \t:" + value + b"\r\n", "relaxed") == b"name:" + expected + b"\r\n"


def test_a_field_of_a_message_is_worked_out_once_for_each_form() -> None:
    message = Signable(b"A:  b\r\n\r\n")
    (field,) = message.fields
    assert message.canonical_field(field, "relaxed") is message.canonical_field(field, "relaxed")
    assert message.canonical_field(field, "relaxed") == b"a:b\r\n"
    assert message.canonical_field(field, "simple") == b"A:  b\r\n"
