"""Notifications as they are written, as they are read, and what is refused (RFC 8098, RFC 9007)."""

import json
from pathlib import Path
from typing import Any

import pytest

from mail.jmap.email.errors import Refused
from mail.mdn.build import ORIGINAL_BYTES_MAX, Original, Sender, build
from mail.mdn.parse import original_id, parse
from mail.mdn.wanted import Request, request_of, wanted_of
from mail.message.record import read_message

CASES = sorted((Path(__file__).parent / "cases").glob("*.eml"))
NOW_MS = 1_767_225_600_000
MODES = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
LEAST: dict[str, Any] = {"forEmailId": "E1", "disposition": MODES}
WHOLE = LEAST | {
    "subject": "Read receipt for: World domination ü",
    "textBody": "This receipt shows that the email has been displayed.\n",
    "includeOriginalMessage": True,
    "reportingUA": "joes-pc.cs.example.com; Foomail 97.1",
    "extensionFields": {"EXTENSION-EXAMPLE": "example.com"},
}
ASKED = Request(("jane@example.org",), "rfc822; john@first.example")
ORIGINAL = Original("199509192301.23456@example.org", "World domination", b"Subject: World domination\r\n\r\nhi\r\n")
JOHN = Sender("John", "john@example.com")


def built(mdn: dict[str, Any], original: Original = ORIGINAL, asked: Request = ASKED, sender: Sender = JOHN) -> Any:
    return build(wanted_of(mdn), asked, original, sender, message_id="new@example.com", now_ms=NOW_MS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case_is_read(case: Path) -> None:
    raw = case.read_bytes()
    assert parse(raw, read_message(raw)) == json.loads(case.with_suffix(".json").read_text("utf-8"))


def test_there_are_cases() -> None:
    assert len(CASES) >= 5


@pytest.mark.parametrize(("name", "mdn"), [("least", LEAST), ("whole", WHOLE)])
def test_what_is_written(name: str, mdn: dict[str, Any]) -> None:
    message = built(mdn).message
    assert message == (Path(__file__).parent / "cases" / f"written-{name}.eml").read_bytes()


def test_what_is_written_comes_back() -> None:
    found = built(WHOLE)
    back = parse(found.message, read_message(found.message))
    assert back is not None
    expected = {name: value for name, value in WHOLE.items() if name != "forEmailId"} | found.set_by_server
    assert {name: value for name, value in back.items() if value is not None} == expected
    assert original_id(back) == ORIGINAL.message_id
    assert found.to == ("jane@example.org",)


def test_the_server_sets_what_the_client_left_out() -> None:
    assert built(LEAST).set_by_server == {
        "finalRecipient": "rfc822; john@example.com",
        "originalMessageId": "<199509192301.23456@example.org>",
        "originalRecipient": "rfc822; john@first.example",
        "subject": "Read: World domination",
        "textBody": (
            "Your message to john@example.com has been displayed. That is not to say that it has been understood.\n"
        ),
    }
    given = LEAST | {"finalRecipient": "rfc822; other@example.com", "subject": "s", "textBody": "t"}
    assert built(given, Original(None, None), Request(("a@b.test",), None)).set_by_server == {}


def test_an_address_outside_ascii() -> None:
    message = built(LEAST, sender=Sender(None, "jürgen@example.com")).message
    assert b"message/global-disposition-notification" in message
    back = parse(message, read_message(message))
    assert back is not None
    assert back["finalRecipient"] == "utf-8; jürgen@example.com"


@pytest.mark.parametrize("message_id", ["a\x00b@c", "a\x1bb@c", "x" * 1000])
def test_an_id_that_cannot_be_written(message_id: str) -> None:
    found = built(LEAST, Original(message_id, "a\r\nBcc: x"))
    assert "originalMessageId" not in found.set_by_server
    assert b"In-Reply-To" not in found.message
    assert b"\r\nBcc" not in found.message


def test_a_large_message_is_not_sent_back() -> None:
    with pytest.raises(Refused) as refused:
        built(WHOLE, ORIGINAL._replace(raw=b"x" * (ORIGINAL_BYTES_MAX + 1)))
    assert refused.value.type == "tooLarge"
    with pytest.raises(ValueError):
        built(WHOLE, ORIGINAL._replace(raw=None))


DENIED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["forEmailId", "disposition"]),
    (LEAST | {"forEmailId": 1}, ["forEmailId"]),
    (LEAST | {"foo": 1}, ["foo"]),
    (LEAST | {"error": ["x"], "mdnGateway": "x"}, ["error", "mdnGateway"]),
    (
        LEAST | {"subject": "a\r\nb", "reportingUA": 1, "finalRecipient": "a@b"},
        ["subject", "reportingUA", "finalRecipient"],
    ),
    (LEAST | {"textBody": 1, "includeOriginalMessage": "yes"}, ["textBody", "includeOriginalMessage"]),
    (
        LEAST | {"disposition": {"type": "Displayed"}},
        ["disposition/actionMode", "disposition/sendingMode", "disposition/type"],
    ),
    (LEAST | {"disposition": MODES | {"x": 1}}, ["disposition"]),
    (LEAST | {"extensionFields": {"Disposition": "x"}}, ["extensionFields"]),
    (LEAST | {"extensionFields": {"X": "a\nb"}}, ["extensionFields"]),
    (LEAST | {"extensionFields": {"X:": "a"}}, ["extensionFields"]),
    (LEAST | {"extensionFields": {"X": "a", "x": "b"}}, ["extensionFields"]),
    (LEAST | {"extensionFields": {f"X-{number}": "" for number in range(21)}}, ["extensionFields"]),
]


@pytest.mark.parametrize(("mdn", "properties"), DENIED)
def test_refused(mdn: dict[str, Any], properties: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        wanted_of(mdn)
    assert refused.value.type == "invalidProperties"
    assert list(refused.value.properties) == properties


@pytest.mark.parametrize(
    ("header", "request_"),
    [
        (b"Subject: x\r\n\r\n", None),
        (b"Disposition-Notification-To: nobody\r\n\r\n", None),
        (b"Disposition-Notification-To: <a\x01@b.test>\r\n\r\n", None),
        (
            b"Original-Recipient: rfc822;x@y.test\r\nDisposition-Notification-To: Joe <j@x.test>, a@b.test\r\n\r\n",
            Request(("j@x.test", "a@b.test"), "rfc822;x@y.test"),
        ),
        (b"disposition-notification-to: a@b.test\r\nOriginal-Recipient: odd\r\n\r\n", Request(("a@b.test",), None)),
    ],
)
def test_what_asks_for_one(header: bytes, request_: Request | None) -> None:
    assert request_of(header) == request_
