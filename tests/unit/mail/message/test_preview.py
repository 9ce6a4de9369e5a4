"""Each message in previews/ has the PREVIEW that stands beside it; and what must hold for any message."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.message.html import plain_text, unescape
from mail.message.preview import HTML_BYTES_MAX, PLAIN_BYTES_MAX, PREVIEW_CHARS_MAX, preview
from mail.message.record import read_message
from tests.unit.mail.message.test_properties import MAIL

CASES = sorted((Path(__file__).parent / "previews").glob("*.eml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case_has_its_preview(case: Path) -> None:
    raw = case.read_bytes()
    assert preview(raw, read_message(raw)) + "\n" == case.with_suffix(".preview").read_text("utf-8")


def test_there_are_cases() -> None:
    assert len(CASES) >= 20


def check(raw: bytes) -> None:
    text = preview(raw, read_message(raw))
    assert len(text) <= PREVIEW_CHARS_MAX
    assert text == " ".join(text.split())
    text.encode()


@settings(max_examples=200, deadline=None)
@given(MAIL)
def test_mail_like_bytes(raw: bytes) -> None:
    check(raw)


PIECES = ["<", ">", "</", "<!--", "-->", "<a ", "=", '"', "'", "<style>", "</style>", "<blockquote>", "</blockquote>"]
PIECES += ["<head>", "<body>", "<p>", "&", "&#", "&#x", "&amp", ";", "1", "f", "é", "\u202e", "\ufeff", "\0", " ", "\n"]


@example("\u202e\ufeff</style><")
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=60).map("".join))
def test_any_html(markup: str) -> None:
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + markup.encode("utf-8", "replace")
    check(raw)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_only_the_begin_of_a_part_is_read(kind: str) -> None:
    head = f"Content-Type: text/{kind}\r\n\r\n".encode()
    filler = b" " * 78 + b"\r\n"
    bytes_max = PLAIN_BYTES_MAX if kind == "plain" else HTML_BYTES_MAX
    near = head + filler * (bytes_max // 80 - 1) + b"near\r\n" + filler * 10
    far = head + filler * (bytes_max // 80 + 1) + b"far\r\n"
    assert preview(near, read_message(near)) == "near"
    assert preview(far, read_message(far)) == ""


@pytest.mark.parametrize(
    "piece", ["<", "<a", "<a ", "<a =", "<a b='", '<a b="', "<!--", "<style>", "<blockquote>", "&#", "&#9", "&zwnj;"]
)
def test_hostile_html_has_an_end(piece: str) -> None:
    # Quadratic time would take minutes here, and run into the timeout of every test.
    assert len(plain_text(piece * (1_000_000 // len(piece)), 10**9)) >= 0


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("a &amp; b", "a & b"),
        ("&eacute;&EACUTE;&Eacute;", "é&EACUTE;É"),
        ("&#8364;&#x20aC;&#X20AC;", "€€€"),
        ("&#128;&#x99;&#129;", "€\u2122\ufffd"),
        ("&#1114112;&#xDFFF;&#0;", "\ufffd\ufffd\ufffd"),
        ("&#;&#x;&;&", "&#;&#x;&;&"),
        ("&#" + "1" * 5000, "\ufffd" + "1" * 4990),
        ("R&D", "R&D"),
    ],
)
def test_character_references(text: str, decoded: str) -> None:
    assert unescape(text) == decoded
