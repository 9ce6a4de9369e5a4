"""The arguments of MAIL and RCPT: addresses and ESMTP parameters, one table row for each parameter.

What is not in a table is refused with 555 (RFC 5321 4.1.1.11), never ignored: the client relies on it.
"""

import re
from collections.abc import Callable
from typing import Any

from mail.smtp import grammar
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.limits import Limits
from mail.smtp.replies import Reply

_Fields = dict[str, Any]
_DIGITS = re.compile(rb"[0-9]{1,20}")  # RFC 1870 4: size-value = 1*20DIGIT
ENVID_BYTES_MAX = 100  # RFC 3461 4.4
ORCPT_BYTES_MAX = 500  # RFC 3461 4.2


class Refusal(ValueError):
    """An argument that cannot be taken, with the reply that says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def _refusal(code: int, status: str, text: str) -> Refusal:
    return Refusal(Reply(code, status, text))


def parse_mail(argument: bytes, limits: Limits) -> MailFrom:
    """`FROM:<a@b> SIZE=1` to an event. Raises Refusal."""
    found = grammar.MAIL.fullmatch(argument)
    if found is None:
        raise _refusal(501, "5.1.7", "Syntax: MAIL FROM:<address> [parameters]")
    path, mailbox, parameters = found.groups()
    if parameters is None and path.isascii() and b'"' not in path and len(path) <= limits.path_bytes_max:
        return MailFrom(mailbox.decode() if mailbox else "")  # nearly all mail
    fields = _fields(parameters, _MAIL_PARAMETERS)
    sender = _address(path, mailbox or b"", bool(fields.get("smtputf8")), limits, "5.1.7")
    if fields.get("size_bytes", 0) > limits.message_bytes_max:  # RFC 1870 6.1 (2)
        raise _refusal(552, "5.3.4", f"Message too large; the limit is {limits.message_bytes_max} bytes")
    return MailFrom(sender, **fields)


def parse_rcpt(argument: bytes, limits: Limits, *, smtputf8: bool) -> RcptTo:
    """`TO:<a@b> NOTIFY=NEVER` to an event. Raises Refusal."""
    found = grammar.RCPT.fullmatch(argument)
    if found is None:
        raise _refusal(501, "5.1.3", "Syntax: RCPT TO:<address> [parameters]")
    path, mailbox, parameters = found.groups()
    if parameters is None and path.isascii() and b'"' not in path and len(path) <= limits.path_bytes_max:
        return RcptTo(mailbox.decode())
    recipient = _address(path, mailbox, smtputf8, limits, "5.1.3")
    return RcptTo(recipient, **_fields(parameters, _RCPT_PARAMETERS))


def _address(path: bytes, mailbox: bytes, smtputf8: bool, limits: Limits, status: str) -> str:
    if len(path) > limits.path_bytes_max:
        raise _refusal(501, status, f"Address longer than {limits.path_bytes_max} bytes")
    if not smtputf8 and not path.isascii():  # RFC 6531 3.5
        raise _refusal(553, "5.6.7", "An address outside ASCII needs the SMTPUTF8 parameter of MAIL")
    try:
        address = grammar.canonical(mailbox)
    except UnicodeDecodeError:
        raise _refusal(501, status, "Address is not valid UTF-8") from None
    if not address.isprintable():  # line ends and controls of Unicode
        raise _refusal(501, status, "Address has a character that cannot be printed")
    return address


def _fields(parameters: bytes | None, table: dict[bytes, Callable[[bytes | None], _Fields]]) -> _Fields:
    fields: _Fields = {}
    for word in parameters.split() if parameters else ():
        found = grammar.PARAMETER.fullmatch(word)
        row = table.get(found[1].upper()) if found else None
        if found is None or row is None:
            raise _refusal(555, "5.5.4", "Parameter not recognised")
        new = row(found[2])
        if new.keys() & fields.keys():
            raise _refusal(501, "5.5.4", "Parameter given twice")
        fields |= new
    return fields


def _bad(name: str) -> Refusal:
    return _refusal(501, "5.5.4", f"Bad value of {name}")


def _size(value: bytes | None) -> _Fields:
    if value is None or not _DIGITS.fullmatch(value):
        raise _bad("SIZE")
    return {"size_bytes": int(value)}


def _body(value: bytes | None) -> _Fields:
    kind = (value or b"").upper()
    if kind not in {b"7BIT", b"8BITMIME", b"BINARYMIME"}:
        raise _bad("BODY")
    return {"body": kind.decode()}


def _smtputf8(value: bytes | None) -> _Fields:
    if value is not None:  # RFC 6531 3.1 (5): no value
        raise _bad("SMTPUTF8")
    return {"smtputf8": True}


def _ret(value: bytes | None) -> _Fields:
    kind = (value or b"").upper()
    if kind not in {b"FULL", b"HDRS"}:
        raise _bad("RET")
    return {"ret": kind.decode()}


def _xtext(value: bytes | None, name: str) -> str:
    """Decoded xtext; RFC 3461 4.2 and 4.4 allow printable US-ASCII only, so that nothing can break a header line."""
    if value is None or not grammar.XTEXT.fullmatch(value):
        raise _bad(name)
    text = grammar.unxtext(value).decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise _bad(name)
    return text


def _envid(value: bytes | None) -> _Fields:
    if len(value or b"") > ENVID_BYTES_MAX:
        raise _bad("ENVID")
    return {"envid": _xtext(value, "ENVID")}


def _auth(value: bytes | None) -> _Fields:
    return {"auth": _xtext(value, "AUTH")}


def _notify(value: bytes | None) -> _Fields:
    kinds = (value or b"").upper().split(b",")
    if kinds != [b"NEVER"] and not {b"SUCCESS", b"FAILURE", b"DELAY"}.issuperset(kinds):
        raise _bad("NOTIFY")
    return {"notify": tuple(kind.decode() for kind in dict.fromkeys(kinds))}


def _orcpt(value: bytes | None) -> _Fields:
    found = grammar.ORCPT.fullmatch(value or b"")
    if found is None or len(value or b"") > ORCPT_BYTES_MAX:
        raise _bad("ORCPT")
    try:
        text = (found[1] + b";" + grammar.unxtext(found[2])).decode()
    except UnicodeDecodeError:
        raise _bad("ORCPT") from None
    if not text.isprintable():
        raise _bad("ORCPT")
    return {"orcpt": text}


_MAIL_PARAMETERS: dict[bytes, Callable[[bytes | None], _Fields]] = {
    b"SIZE": _size,
    b"BODY": _body,
    b"SMTPUTF8": _smtputf8,
    b"RET": _ret,
    b"ENVID": _envid,
    b"AUTH": _auth,
}
_RCPT_PARAMETERS: dict[bytes, Callable[[bytes | None], _Fields]] = {b"NOTIFY": _notify, b"ORCPT": _orcpt}
