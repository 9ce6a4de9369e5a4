"""Each message in cases/ is shown as it stands beside it; and the view says truly what it needs."""

import json
from pathlib import Path

import pytest

from mail.jmap.email.view import Need, render, view
from mail.message.record import read_message
from tests.unit.mail.jmap.email.reading import blob_id, shown, view_of

CASES = sorted((Path(__file__).parent / "cases").glob("*.eml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case_is_shown_as_expected(case: Path) -> None:
    expected = json.loads(case.with_suffix(".json").read_text("utf-8"))
    email = shown(case.read_bytes(), expected["arguments"], with_raw=False)
    assert email == expected["email"]
    assert list(email) == list(expected["email"])


def test_there_are_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_property_is_the_same_alone(case: Path) -> None:
    """No property depends on the others that are asked for, and each is rendered from what the view needs."""
    expected = json.loads(case.with_suffix(".json").read_text("utf-8"))
    for name, value in expected["email"].items():
        alone = shown(case.read_bytes(), expected["arguments"] | {"properties": [name]}, with_raw=False)
        assert alone == {name: value}


@pytest.mark.parametrize(
    ("properties", "body_properties", "fetches", "need"),
    [
        (("id", "keywords"), (), False, Need.NOTHING),
        (("from", "to", "subject", "sentAt", "size", "hasAttachment", "replyTo"), (), False, Need.NOTHING),
        (("attachments", "bodyStructure"), ("partId", "blobId", "name", "type", "cid"), False, Need.NOTHING),
        (("bodyValues",), ("size",), False, Need.NOTHING),
        (("from", "header:X-Spam"), ("size",), False, Need.HEADER),
        (("headers",), (), False, Need.HEADER),
        (("attachments",), ("size",), False, Need.MESSAGE),
        (("bodyStructure",), ("header:X-Part:asText",), False, Need.MESSAGE),
        (("bodyValues",), (), True, Need.MESSAGE),
        (("preview",), (), False, Need.MESSAGE),
    ],
)
def test_needs(properties: tuple[str, ...], body_properties: tuple[str, ...], fetches: bool, need: Need) -> None:
    wanted = view(properties, body_properties, fetch_all=fetches)
    assert wanted.needs is need
    assert wanted.needs_raw is (need is not Need.NOTHING)


def test_the_kept_header_of_a_large_message_is_enough() -> None:
    raw = b"Subject: large\r\nX-One: 1\r\n\r\n" + b"x" * 70_000
    record = read_message(raw)
    assert record.head is not None
    wanted = view_of({"properties": ["subject", "header:X-One", "headers"]})
    assert render(wanted, record, None, blob_id) == render(wanted, record, raw, blob_id)


def test_a_missing_message_is_the_callers_mistake() -> None:
    record = read_message(b"Subject: s\r\n\r\nx")
    for name in ("headers", "preview"):
        with pytest.raises(ValueError):
            render(view_of({"properties": [name]}), record, None, blob_id)
