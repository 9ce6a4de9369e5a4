"""Search snippets (RFC 8621 5), and texts of filters taken apart (4.4.1)."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.jmap.email.forms import tidy
from mail.jmap.email.snippet import PREVIEW_BYTES_MAX, body_snippet, preview_snippet, subject_snippet
from mail.message.record import read_message


@pytest.mark.parametrize(
    ("subject", "words", "expected"),
    [
        ("The Foosball competition", ["foo"], "The <mark>Foo</mark>sball competition"),
        ("The Foosball competition", ["bar"], None),
        ("The Foosball competition", [], None),
        ("a <b> & c", ["B"], "a &lt;<mark>b</mark>&gt; &amp; c"),
        ("Café Straße", ["cafe", "STRASSE"], "<mark>Café</mark> <mark>Straße</mark>"),
        ("one two three", ["one two", "two three"], "<mark>one two three</mark>"),
        ("aaa", ["a"], "<mark>a</mark><mark>a</mark><mark>a</mark>"),
        ("anything", [" ", ""], None),
    ],
)
def test_subject(subject: str, words: list[str], expected: str | None) -> None:
    assert subject_snippet(subject, words) == expected


def test_preview_is_where_the_words_are() -> None:
    text = "one " * 200 + "and then the two words meet: one and\n other, " + "x " * 300
    found = preview_snippet(text, ["one", "other"])
    assert found is not None
    assert "<mark>other</mark>" in found
    assert found.startswith("…")
    assert found.endswith("…")


def test_preview_of_a_long_word() -> None:
    found = preview_snippet("ß" * 300, ["S" * 600])
    assert found is not None
    assert len(found.encode()) <= PREVIEW_BYTES_MAX
    assert found.startswith("<mark>ß")
    assert found.endswith("</mark>…")


@given(
    st.text(alphabet=st.sampled_from("ab <>&\"'ßéı\u0301İ\U0001f600\n"), max_size=400), st.text("abßeiS&<", min_size=1)
)
def test_any_preview(text: str, word: str) -> None:
    found = preview_snippet(text, [word])
    if found is None:
        return
    assert len(found.encode()) <= PREVIEW_BYTES_MAX
    plain = re.sub("</?mark>", "", found)
    assert found.count("<mark>") == found.count("</mark>") >= 1
    assert not re.search("[<>]", plain)
    assert unescape(plain).strip("…") in tidy(" ".join(text.split()))


def test_text_of_a_message() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>one</p>\r\n"
        b"--x\r\n\r\ntwo\r\n--x\r\nContent-Disposition: attachment\r\n\r\nthree\r\n--x--\r\n"
    )
    record = read_message(raw)
    assert body_snippet(raw, record, ["two"]) == "one <mark>two</mark>"
    assert body_snippet(raw, record, ["three"]) is None


def test_words_of_the_html_alone_and_of_quotes_are_marked() -> None:
    raw = (
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nas text\r\n--x\r\n"
        b"Content-Type: text/html\r\n\r\n<p>caf&eacute;</p><blockquote>quo<b>ted</b></blockquote>\r\n--x--\r\n"
    )
    record = read_message(raw)
    assert body_snippet(raw, record, ["text"]) == "as <mark>text</mark>"
    assert body_snippet(raw, record, ["caf\u00e9", "quoted"]) == "<mark>caf\u00e9</mark> <mark>quoted</mark>"
    assert body_snippet(raw, record, ["blockquote"]) is None
