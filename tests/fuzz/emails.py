"""Promises about Emails of JMAP: any message is shown, any object is refused or written. Part of promises.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mail.jmap.email.bodies import leaves, tree
from mail.jmap.email.create import plan_of, write
from mail.jmap.email.errors import Refused
from mail.jmap.email.names import DEFAULT_PART, EMAIL, FORMS, METADATA
from mail.jmap.email.snippet import PREVIEW_BYTES_MAX, body_snippet, subject_snippet
from mail.jmap.email.view import render, splice, view
from mail.mdn.parse import FIELD_CHARS_MAX, original_id
from mail.mdn.parse import parse as parse_receipt
from mail.message.record import read_message

_FORMS: Final = tuple(f"header:X:as{form}:all" for form in FORMS)
_SHOWN: Final = tuple(name for name in EMAIL if name not in METADATA)
_PART: Final = (*DEFAULT_PART, "headers", "subParts", "header:X:asText")
_WHOLE: Final = view((*_SHOWN, *_FORMS), _PART, fetch_all=True)
_CUT: Final = view(("bodyValues",), (), fetch_all=True, value_bytes_max=20)


def email_shown(data: bytes) -> None:
    """A message: every property of it is JSON; each part is in a list; values are as short as was asked for."""
    record = read_message(data)
    email = json.loads(splice(render(_WHOLE, record, data, lambda part: str(part.start)), {}))
    listed = {part["partId"] for name in ("textBody", "htmlBody", "attachments") for part in email[name]}
    assert listed == {node.id for node in leaves(tree(record.root))}
    cut = json.loads(splice(render(_CUT, record, data, lambda part: ""), {}))["bodyValues"]
    assert cut.keys() == email["bodyValues"].keys()
    for part_id, value in cut.items():
        whole = email["bodyValues"][part_id]["value"]
        assert whole.startswith(value["value"])
        assert len(value["value"].encode()) <= 20
        assert value["isTruncated"] is (value["value"] != whole)
    words = [data[:2].decode("utf-8", "replace"), "e"]
    subject_snippet(email["subject"] or "", words)
    found = body_snippet(data, record, words)
    assert found is None or len(found.encode()) <= PREVIEW_BYTES_MAX


def email_created(data: bytes) -> None:
    """An object to create an Email of: Refused, or a message of lines that are no longer than they may be."""
    try:
        email: Any = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(email, dict):
        return
    try:
        plan = plan_of(email)
        message = write(plan, dict.fromkeys(plan.blob_ids(), data), "id@x.test", 0)
    except Refused:
        return
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))
    assert message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n")
    email_shown(message)


def receipt(data: bytes) -> None:
    """A read receipt: an object that is JSON, of bounded texts, or None."""
    for message in (data, _RECEIPT.replace(b"Disposition: ", data)):
        found = parse_receipt(message, read_message(message))
        if found is not None:
            original_id(found)
            assert len(json.dumps(found)) < 20 * 1024 * 1024
            assert all(len(found[name] or "") <= FIELD_CHARS_MAX for name in ("finalRecipient", "reportingUA"))


_RECEIPT: Final = (
    b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n"
    b"--x\r\n\r\nhello\r\n--x\r\n"
    b"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\n"
    b"Disposition: manual-action/MDN-sent-manually; displayed\r\nError: none\r\nX: y\r\n--x--\r\n"
)
_CASES: Final = Path(__file__).resolve().parents[1] / "unit/mail/jmap/email"
EMAILS: Final[dict[str, Callable[[bytes], None]]] = {
    promise.__name__: promise for promise in (email_shown, email_created, receipt)
}
VALID: Final[dict[str, list[bytes]]] = {
    "email_shown": [case.read_bytes() for case in sorted((_CASES / "cases").glob("*.eml"))],
    "receipt": [_RECEIPT, b"Disposition: automatic-action/MDN-sent-automatically;displayed/error"],
    "email_created": [case.read_bytes() for case in sorted((_CASES / "creations").glob("*.json"))],
}
