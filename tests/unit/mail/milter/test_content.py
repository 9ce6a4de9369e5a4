"""A message in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from mail.milter.content import FIELDS_MAX, split

_PIECES = st.sampled_from([b"A: b\r\n", b" c\r\n", b"x", b"\r\n", b"\n", b":", b"\tD", b"E:\0f\n", b"From x\n", b"\r"])


@given(st.lists(_PIECES, max_size=12).map(b"".join))
def test_nothing_is_lost_or_hidden(message: bytes) -> None:
    content = split(message)
    assert content.join() == message
    for field in content.fields:
        if field.name:
            assert field.raw.startswith(field.name)
            assert b"\0" not in field.value(leading_space=True)
        else:
            assert field.raw.lstrip(b">").startswith(b"From ")


def test_values() -> None:
    (field,) = split(b"Subject:  a\r\n\tb\r\n c").fields
    assert field.value(leading_space=True) == b"  a\n\tb\n c"
    assert field.value(leading_space=False) == b" a\n\tb\n c"


def test_fields_without_end_are_shown_as_body() -> None:
    message = b"A: b\r\n" * (FIELDS_MAX + 1) + b"\r\nbody"
    content = split(message)
    assert len(content.fields) == FIELDS_MAX
    assert content.body == b"A: b\r\n\r\nbody"
    assert content.join() == message
