"""A filter's responses: from a frame to a decision or a change.

The law: nothing half understood is acted upon. What cannot be read whole is a ProtocolError; a field name, an address
or a reply that could not be part of a message or of SMTP is one too.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from mail.milter import changes
from mail.milter.codes import Action, Response
from mail.milter.errors import ProtocolError
from mail.smtp import grammar
from mail.smtp.replies import Reply

_INDEX_BYTES: Final = 4
REPLY_LINES_MAX: Final = 32  # libmilter's smfi_setmlreply takes no more
REASON_BYTES_MAX: Final = 500  # of a quarantine; it is kept and shown

# field-name = 1*ftext (RFC 5322 3.6.8)
_NAME: Final = re.compile(rb"[!-9;-~]{1,255}")
# Reply-code, SP or hyphen, and an enhanced status of its class (RFC 5321 4.2; RFC 2034 4)
_REPLY_LINE: Final = re.compile(rb"([45][0-5][0-9])(?:([ -])(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$))?(.*))?")


class How(Enum):
    """What a filter decides, in a word."""

    CONTINUE = "continue"
    ACCEPT = "accept"
    REJECT = "reject"
    TEMPFAIL = "tempfail"
    DISCARD = "discard"
    REPLY = "reply"
    SHUTDOWN = "shutdown"
    """Answer 421 and close the connection; also for CONN_FAIL."""


class Decision(NamedTuple):
    """The end of an exchange."""

    how: How
    reply: Reply | None = None


class Progress(NamedTuple):
    """Still working."""


class Skip(NamedTuple):
    """Send no more of this kind."""


def parse_response(code: int, data: bytes) -> Decision | Progress | Skip | changes.Change:
    """What a frame says. Raises ProtocolError."""
    plain = _PLAIN.get(code)
    if plain is not None:
        if data:
            raise ProtocolError(f"{len(data)} bytes after {Response(code).name}")
        return plain
    parser = _WITH_DATA.get(code)
    if parser is None:
        raise ProtocolError(f"the unknown response {code:#x}")
    return parser(data)


def needed(change: changes.Change) -> Action:
    """What must have been agreed on for this change."""
    if isinstance(change, changes.AddRecipient) and change.args:
        return Action.ADDRCPT_PAR
    return _NEEDED[type(change)]


def parse_reply(data: bytes) -> Reply:
    """A REPLYCODE's `550 5.7.1 text`, of one line or of several. Raises ProtocolError."""
    lines = [line for line in data.rstrip(b"\0").replace(b"\r\n", b"\n").split(b"\n") if line]
    if not 1 <= len(lines) <= REPLY_LINES_MAX:
        raise ProtocolError(f"a reply of {len(lines)} lines")
    found = [_REPLY_LINE.fullmatch(line) for line in lines]
    codes = {match[1] for match in found if match}
    if None in found or len(codes) != 1:
        raise ProtocolError("its reply is none of SMTP")
    whole = [match for match in found if match]
    code, status = int(whole[0][1]), (whole[0][3] or b"").decode("ascii")
    if status and status[0] != str(code)[0]:
        raise ProtocolError("its reply's status contradicts its code")
    # Sendmail prints the text as a format, so filters double each per cent sign.
    text = b"\n".join(match[4] or b"" for match in whole).replace(b"%%", b"%")
    return Reply(code, status, text.decode("utf-8", "replace"))


def parse_address(data: bytes, *, empty: bool) -> str:
    """`<a@b>` or `a@b`; the empty one where a sender may be null. Raises ProtocolError."""
    bare = data[1:-1] if data[:1] == b"<" and data[-1:] == b">" else data
    if empty and not bare:
        return ""
    found = grammar.RCPT.fullmatch(b"TO:<" + bare + b">")
    try:
        address = grammar.canonical(found[2]) if found else ""
    except UnicodeDecodeError:
        address = ""
    if not address.isprintable() or not address:
        raise ProtocolError("an address that is none")
    return address


def _strings(data: bytes, least: int, most: int) -> list[bytes]:
    """NUL-terminated strings, so many."""
    parts = data.split(b"\0")
    if parts.pop() or not least <= len(parts) <= most:
        raise ProtocolError("a modification that cannot be read")
    return parts


def _name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ProtocolError("a header field whose name is none")
    return name


def _index(data: bytes) -> int:
    index = int.from_bytes(data[:_INDEX_BYTES])
    if len(data) < _INDEX_BYTES or index >= 1 << 31:
        raise ProtocolError("a header index that is none")
    return index


def _args(text: bytes) -> tuple[str, ...]:
    words = text.split()
    if not all(grammar.PARAMETER.fullmatch(word) for word in words):
        raise ProtocolError("ESMTP parameters that are none")
    return tuple(word.decode("utf-8", "replace") for word in words)


def _add_header(data: bytes) -> changes.AddHeader:
    name, value = _strings(data, 2, 2)
    return changes.AddHeader(_name(name), value)


def _insert_header(data: bytes) -> changes.InsertHeader:
    index = _index(data)
    name, value = _strings(data[_INDEX_BYTES:], 2, 2)
    return changes.InsertHeader(index, _name(name), value)


def _change_header(data: bytes) -> changes.ChangeHeader:
    index = _index(data)
    name, value = _strings(data[_INDEX_BYTES:], 2, 2)
    return changes.ChangeHeader(max(1, index), _name(name), value)


def _change_sender(data: bytes) -> changes.ChangeSender:
    address, *args = _strings(data, 1, 2)
    return changes.ChangeSender(parse_address(address, empty=True), _args(args[0]) if args else None)


def _add_recipient(data: bytes) -> changes.AddRecipient:
    return changes.AddRecipient(parse_address(_strings(data, 1, 1)[0], empty=False))


def _add_recipient_with(data: bytes) -> changes.AddRecipient:
    address, *args = _strings(data, 1, 2)
    return changes.AddRecipient(parse_address(address, empty=False), _args(args[0]) if args else ())


def _delete_recipient(data: bytes) -> changes.DeleteRecipient:
    return changes.DeleteRecipient(parse_address(_strings(data, 1, 1)[0], empty=False))


def _quarantine(data: bytes) -> changes.Quarantine:
    text = data.rstrip(b"\0")[:REASON_BYTES_MAX].decode("utf-8", "replace")
    return changes.Quarantine("".join(letter if letter.isprintable() else " " for letter in text).strip())


_PLAIN: Final[dict[int, Decision | Progress | Skip]] = {
    Response.CONTINUE: Decision(How.CONTINUE),
    Response.ACCEPT: Decision(How.ACCEPT),
    Response.REJECT: Decision(How.REJECT),
    Response.TEMPFAIL: Decision(How.TEMPFAIL),
    Response.DISCARD: Decision(How.DISCARD),
    Response.SHUTDOWN: Decision(How.SHUTDOWN),
    Response.CONN_FAIL: Decision(How.SHUTDOWN),
    Response.PROGRESS: Progress(),
    Response.SKIP: Skip(),
}
_WITH_DATA: Final[dict[int, Callable[[bytes], Decision | changes.Change]]] = {
    Response.REPLYCODE: lambda data: Decision(How.REPLY, parse_reply(data)),
    Response.ADDHEADER: _add_header,
    Response.INSHEADER: _insert_header,
    Response.CHGHEADER: _change_header,
    Response.CHGFROM: _change_sender,
    Response.ADDRCPT: _add_recipient,
    Response.ADDRCPT_PAR: _add_recipient_with,
    Response.DELRCPT: _delete_recipient,
    Response.REPLBODY: changes.ReplaceBody,
    Response.QUARANTINE: _quarantine,
}
_NEEDED: Final[dict[type[changes.Change], Action]] = {
    changes.AddHeader: Action.ADDHDRS,
    changes.InsertHeader: Action.ADDHDRS,
    changes.ChangeHeader: Action.CHGHDRS,
    changes.ChangeSender: Action.CHGFROM,
    changes.AddRecipient: Action.ADDRCPT,
    changes.DeleteRecipient: Action.DELRCPT,
    changes.ReplaceBody: Action.CHGBODY,
    changes.Quarantine: Action.QUARANTINE,
}
