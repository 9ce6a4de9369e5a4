"""What is asked of Emails, made ready once for many (RFC 8621 4.2, 4.9).

The law: `render` depends on nothing but the message and the view, so its bytes may be kept for as long as the message
is. What is not in the message or may change is left to the caller.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from mail.jmap.email.bodies import Bodies, Node, decompose, has_attachment, leaves, tree
from mail.jmap.email.errors import InvalidArguments
from mail.jmap.email.forms import EmailAddress, rfc3339, text, tidy
from mail.jmap.email.names import (
    BODIES,
    CONVENIENT,
    EMAIL,
    METADATA,
    PART,
    PROPERTIES_MAX,
    check_names,
    header_property,
)
from mail.jmap.email.parts import FROM_MESSAGE, BlobId, Headers, Source, body_part, structure
from mail.jmap.email.values import EmailBodyValue, body_value
from mail.message.date import Date
from mail.message.envelope import strings
from mail.message.preview import preview
from mail.message.record import Address, Record
from mail.message.sorting import BCC, CC, FROM, REPLY_TO, SENDER, TO, group_names

SUBJECT: Final = 1  # its place in ENVELOPE (RFC 3501 7.4.2)
VIEWS_KEPT: Final = 64  # clients ask for the same few; each may be 100 kB of names
_encode: Final = msgspec.json.Encoder().encode
_CONVENIENT: Final = {name: header_property(f"header:{field}:as{form}") for name, (field, form) in CONVENIENT.items()}


class Need(IntEnum):
    """What a view is rendered from besides the record."""

    NOTHING = 0
    HEADER = 1  # the message's header, which the record has of large messages (`Record.head`)
    MESSAGE = 2


class View(msgspec.Struct, frozen=True, gc=False):
    """Checked properties. `metadata` are those that the caller gives, `shown` those that `render` does."""

    metadata: tuple[str, ...]
    shown: tuple[str, ...]
    body_properties: tuple[str, ...]
    fetch_text: bool
    fetch_html: bool
    fetch_all: bool
    value_bytes_max: int
    needs: Need

    @property
    def needs_raw(self) -> bool:
        """Whether any byte of the message is needed, whatever message it is."""
        return self.needs is not Need.NOTHING

    def needs_of(self, record: Record) -> Need:
        """What is needed for a message, besides its record."""
        if self.needs is Need.NOTHING and record.needs_header and not CONVENIENT.keys().isdisjoint(self.shown):
            return Need.HEADER
        return self.needs


@lru_cache(VIEWS_KEPT)
def view(
    properties: tuple[str, ...],
    body_properties: tuple[str, ...],
    *,
    fetch_text: bool = False,
    fetch_html: bool = False,
    fetch_all: bool = False,
    value_bytes_max: int = 0,
) -> View:
    """The view for the arguments of Email/get or Email/parse. Raises InvalidArguments."""
    for argument, names, known in (("properties", properties, EMAIL), ("bodyProperties", body_properties, PART)):
        if len(names) > PROPERTIES_MAX:
            raise InvalidArguments(argument, f"more than {PROPERTIES_MAX} properties")
        check_names(argument, names, known)
    if value_bytes_max < 0:
        raise InvalidArguments("maxBodyValueBytes", "a number of octets is not negative")
    unique = tuple(dict.fromkeys(properties))
    shown = tuple(name for name in unique if name not in METADATA)
    values = fetch_text or fetch_html or fetch_all
    from_parts = any(name in FROM_MESSAGE or name.startswith("header:") for name in body_properties)
    needs = max((_need(name, from_parts, values) for name in shown), default=Need.NOTHING)
    return View(
        tuple(name for name in unique if name in METADATA),
        shown,
        tuple(dict.fromkeys(body_properties)),
        fetch_text,
        fetch_html,
        fetch_all,
        value_bytes_max,
        needs,
    )


def needs_raw(
    properties: tuple[str, ...], body_properties: tuple[str, ...] = (), *, fetches_values: bool = False
) -> bool:
    """Whether the message itself is needed for a set of properties, or its record is enough."""
    return view(properties, body_properties, fetch_all=fetches_values).needs_raw


def _need(name: str, from_parts: bool, values: bool) -> Need:
    if name == "headers" or name.startswith("header:"):
        return Need.HEADER
    from_message = name == "preview" or (name == "bodyValues" and values)
    if from_message or (from_parts and (name in BODIES or name == "bodyStructure")):
        return Need.MESSAGE
    return Need.NOTHING


def render(shown: View, record: Record, raw: bytes | None, blob_id: BlobId) -> bytes:
    """The members of the JSON object for `shown.shown`, without braces; b"" where there are none.

    `raw` may be None unless `needs_of` says more. Raises ValueError where it is missing.
    """
    return _encode(read(shown, record, raw, blob_id))[1:-1]


def splice(fragment: bytes, metadata: Mapping[str, Any]) -> bytes:
    """The whole object: the caller's properties and a fragment of `render`."""
    if not metadata:
        return b"{%b}" % fragment
    return b"%b%b%b}" % (_encode(metadata)[:-1], b"," if fragment else b"", fragment)


def read(shown: View, record: Record, raw: bytes | None, blob_id: BlobId) -> dict[str, Any]:
    """The same as `render`, as an object."""
    message = _Message(shown, record, raw, blob_id)
    known = _of_message if record.needs_header else _of_record
    return {name: known[name](record) if name in known else message.read(name) for name in shown.shown}


def _subject(record: Record) -> str | None:
    if record.subject is None:
        return None
    if b"=?" in record.envelope:  # records decode what only looks like an encoded word; its raw value is here
        for place, _depth, value in strings(record.envelope):
            if place == SUBJECT and value is not None:
                return text(value)
    return tidy(record.subject)


def _listed(record: Record, place: int, found: tuple[Address, ...]) -> list[EmailAddress] | None:
    """None where the field is absent, and where it is empty; a list of empty groups is neither."""
    if not found:
        return [] if group_names(record.envelope, place) else None
    return [EmailAddress(None if name is None else tidy(name).strip(), tidy(email)) for name, email in found]


_of_message: Final[Mapping[str, Callable[[Record], Any]]] = {
    "size": lambda record: record.size,
    "hasAttachment": lambda record: has_attachment(record.root),
}
_of_record: Final[Mapping[str, Callable[[Record], Any]]] = {
    **_of_message,
    "messageId": lambda record: None if record.message_id is None else [record.message_id],
    "inReplyTo": lambda record: record.in_reply_to or None,
    "references": lambda record: record.references or None,
    "sender": lambda record: _listed(record, SENDER, record.sender) if record.has_sender else None,
    "from": lambda record: _listed(record, FROM, record.from_),
    "to": lambda record: _listed(record, TO, record.to),
    "cc": lambda record: _listed(record, CC, record.cc),
    "bcc": lambda record: _listed(record, BCC, record.bcc),
    "replyTo": lambda record: _listed(record, REPLY_TO, record.reply_to) if record.has_reply_to else None,
    "subject": _subject,
    "sentAt": lambda record: None if record.sent_s is None else rfc3339(Date(record.sent_s, record.sent_zone_min)),
}


class _Message:
    """One message being read; what several properties share is made once."""

    def __init__(self, shown: View, record: Record, raw: bytes | None, blob_id: BlobId) -> None:
        self._view = shown
        self._record = record
        self._source = Source(raw, blob_id)
        self._tree: Node | None = None
        self._bodies: Bodies | None = None
        self._header: Headers | None = None

    def read(self, name: str) -> Any:
        """One property that is not in the record as it is."""
        if name in BODIES:
            properties = self._view.body_properties
            return [body_part(self._source, node, properties) for node in self._list(name)]
        if name == "bodyStructure":
            return structure(self._source, self._root(), self._view.body_properties)
        if name == "bodyValues":
            return self._values()
        if name == "preview":
            return preview(self._source.message, self._record)
        if name == "headers":
            return self._headers().all()
        wanted = _CONVENIENT.get(name) or header_property(name)
        return None if wanted is None else self._headers().read(wanted)

    def _root(self) -> Node:
        if self._tree is None:
            self._tree = tree(self._record.root)
        return self._tree

    def _list(self, name: str) -> list[Node]:
        if self._bodies is None:
            self._bodies = decompose(self._root())
        if name == "textBody":
            return self._bodies.text
        return self._bodies.html if name == "htmlBody" else self._bodies.attachments

    def _headers(self) -> Headers:
        if self._header is None:
            block = self._source.raw if self._source.raw is not None else self._record.head
            if block is None:
                raise ValueError("header fields are read from the message, which was not given")
            self._header = Headers(block, 0, self._record.root.body)
        return self._header

    def _values(self) -> dict[str, EmailBodyValue]:
        chosen: dict[str, Node] = {}
        lists: list[list[Node]] = []
        if self._view.fetch_text:
            lists.append(self._list("textBody"))
        if self._view.fetch_html:
            lists.append(self._list("htmlBody"))
        if self._view.fetch_all:
            lists.append(list(leaves(self._root())))
        for nodes in lists:
            chosen.update((node.id, node) for node in nodes if node.id is not None and node.part.type == "text")
        source, bytes_max = self._source, self._view.value_bytes_max
        return {
            name: body_value(source.message, node.part, source.content(node.part), bytes_max)
            for name, node in chosen.items()
        }
