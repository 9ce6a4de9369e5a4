"""Tag lists: what is one, where its values are, and what is asked of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.trust.dkim_tags import TAGS_MAX, BadTags, _is_clean, parse


def test_values_and_their_places() -> None:
    text = b"X: a = b c ;\r\n\td=;e=f;\r\n"
    tags = parse(text, 2)
    assert {name: tag.value for name, tag in tags.items()} == {"a": b"b c", "d": b"", "e": b"f"}
    assert [text[tag.start : tag.end] for tag in tags.values()] == [b" b c ", b"", b"f"]


def test_names_differ_by_case() -> None:
    assert list(parse(b"a=1; A=2")) == ["a", "A"]


@pytest.mark.parametrize("text", [b"", b";", b"a", b"=b", b"a=1;;b=2", b"a=1;b", b"a=1; =2", b"a b=1", b"\xc3\xa4=1"])
def test_what_is_no_list(text: bytes) -> None:
    with pytest.raises(BadTags):
        parse(text)


def test_there_is_a_largest_number_of_tags() -> None:
    text = b"".join(b"t%d=1;" % number for number in range(TAGS_MAX))
    assert len(parse(text)) == TAGS_MAX
    with pytest.raises(BadTags, match="too many"):
        parse(text + b"z=1")


def test_what_is_asked_of_values() -> None:
    tags = parse(b"t=\xff; n=12; w= A : b\r\n :c; b=QU\r\n JD; none=")
    with pytest.raises(BadTags, match="UTF-8"):
        tags.text("t")
    assert tags.text("x", "else") == "else"
    assert (tags.number("n"), tags.number("x")) == (12, None)
    assert tags.words("w", "") == ("a", "b", "c")
    assert (tags.binary("b"), tags.binary("none")) == (b"ABC", b"")
    for broken in (b"b=A", b"b=====", b"b=A=BC", b"b=\xc3\xa4A=="):
        with pytest.raises(BadTags, match="base64"):
            parse(broken).binary("b")


@given(
    st.lists(st.sampled_from([b"a=1;", b"\r\n", b"\r", b"\n", b" ", b"\t", b"\0", b"\x7f", b"x=\xff;"])).map(b"".join)
)
def test_line_ends_are_folds_and_there_are_no_controls(text: bytes) -> None:
    stray = re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    newline = re.search(rb"\r(?!\n[ \t])|(?<!\r)\n", text.rstrip(b"\r\n"))
    assert _is_clean(text) is not bool(stray or newline)
