"""An Email as Email/get shows it, for tests: from the message's bytes and the method's arguments."""

import json
from typing import Any

from mail.jmap.email.names import DEFAULT_GET, DEFAULT_PART
from mail.jmap.email.view import Need, View, render, splice, view
from mail.message.part import Part
from mail.message.record import read_message

METADATA = {
    "id": "E1",
    "blobId": "M1",
    "threadId": "T1",
    "mailboxIds": {"F1": True},
    "keywords": {},
    "receivedAt": "2026-01-01T00:00:00Z",
}


def view_of(arguments: dict[str, Any]) -> View:
    return view(
        tuple(arguments.get("properties", DEFAULT_GET)),
        tuple(arguments.get("bodyProperties", DEFAULT_PART)),
        fetch_text=arguments.get("fetchTextBodyValues", False),
        fetch_html=arguments.get("fetchHTMLBodyValues", False),
        fetch_all=arguments.get("fetchAllBodyValues", False),
        value_bytes_max=arguments.get("maxBodyValueBytes", 0),
    )


def blob_id(part: Part) -> str:
    return f"M1_{part.start}"


def shown(raw: bytes, arguments: dict[str, Any], *, with_raw: bool = True) -> Any:
    """The object. Without `with_raw`, only what the view says it needs is given."""
    wanted = view_of(arguments)
    record = read_message(raw)
    fragment = render(wanted, record, raw if with_raw or wanted.needs_of(record) is not Need.NOTHING else None, blob_id)
    return json.loads(splice(fragment, {name: METADATA[name] for name in wanted.metadata}))
