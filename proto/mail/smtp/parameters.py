"""The arguments of MAIL and RCPT: addresses and ESMTP parameters, one table row for each parameter.

What is not in a table, or belongs to an extension that is not offered, is refused with 555 (RFC 5321 4.1.1.11), never
ignored: the client relies on it.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from mail.smtp import grammar, replies
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.limits import Limits
from mail.smtp.offers import SOLICIT_CHARS_MAX, Offers, date_time
from mail.smtp.replies import Reply

_Fields: TypeAlias = dict[str, Any]
_HARMLESS = frozenset({"size_bytes", "body", "smtputf8", "ret", "envid"})  # that are taken whoever says them
_DIGITS = re.compile(rb"[0-9]{1,20}")  # RFC 1870 4: size-value = 1*20DIGIT
ENVID_BYTES_MAX = 100  # RFC 3461 4.4
ORCPT_BYTES_MAX = 500  # RFC 3461 4.2


class _Row(NamedTuple):
    """How a parameter is read, and whether it is offered."""

    read: Callable[[bytes | None], _Fields]
    offered: Callable[[Offers, bytes | None], bool]


_Table: TypeAlias = dict[bytes, _Row]


class Refusal(ValueError):
    """An argument that cannot be taken, with the reply that says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def _refusal(code: int, status: str, text: str) -> Refusal:
    return Refusal(Reply(code, status, text))


def parse_mail(argument: bytes, limits: Limits, offers: Offers, *, tls: bool, authenticated: bool) -> MailFrom:
    """`FROM:<a@b> SIZE=1` to an event. Raises Refusal."""
    found = grammar.MAIL.fullmatch(argument)
    if found is None:
        raise _refusal(501, "5.1.7", "Syntax: MAIL FROM:<address> [parameters]")
    path, mailbox, parameters = found.groups()
    if parameters is None and path.isascii() and b'"' not in path and len(path) <= limits.path_bytes_max:
        return MailFrom(mailbox.decode() if mailbox else "")  # nearly all mail
    fields = _fields(parameters, _MAIL_PARAMETERS, offers)
    sender = _address(path, mailbox or b"", bool(fields.get("smtputf8")), limits, "5.1.7")
    if fields.get("size_bytes", 0) > limits.message_bytes_max:  # RFC 1870 6.1 (2)
        raise _refusal(552, "5.3.4", f"Message too large; the limit is {limits.message_bytes_max} bytes")
    if fields.keys() <= _HARMLESS:
        return MailFrom(sender, **fields)  # nearly all the rest
    if not authenticated and "auth" in fields:
        fields["auth"] = "<>"  # RFC 4954 5: who is not trusted to say so has not said it
    if "hold_for_s" in fields and "hold_until_ms" in fields:  # RFC 4865 4
        raise _refusal(501, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other")
    mail = MailFrom(sender, **fields)
    _check_times(mail, offers)
    if mail.require_tls and not tls:
        raise Refusal(replies.REQUIRETLS_NEEDS_TLS)
    return _by_policy(mail, offers)


def _check_times(mail: MailFrom, offers: Offers) -> None:
    """What may be asked of time: RFC 2852 4, RFC 4865 4."""
    if mail.by_mode == "R" and mail.by_s <= 0:
        raise _refusal(501, "5.5.4", "BY with R needs a time that is still to come")
    if mail.by_mode == "R" and mail.by_s < offers.deliver_by_s_min:
        raise _refusal(554, "5.4.7", f"Delivery within less than {offers.deliver_by_s_min} s cannot be promised")
    if mail.hold_for_s > offers.hold_s_max:
        raise _refusal(501, "5.5.4", f"A message is held for at most {offers.hold_s_max} s")
    if mail.hold_until_ms > offers.hold_until_ms_max:
        raise _refusal(501, "5.5.4", f"A message is held until {date_time(offers.hold_until_ms_max)} at the latest")


def _by_policy(mail: MailFrom, offers: Offers) -> MailFrom:
    """Refuse a class of solicitation that is not wanted; grant no higher priority than there is."""
    if mail.solicit and not {word.lower() for word in offers.solicitations}.isdisjoint(map(str.lower, mail.solicit)):
        raise Refusal(replies.SOLICITATION)
    if mail.priority > offers.priority_max:
        return msgspec.structs.replace(mail, priority=offers.priority_max)
    return mail


def parse_rcpt(argument: bytes, limits: Limits, offers: Offers, *, smtputf8: bool) -> RcptTo:
    """`TO:<a@b> NOTIFY=NEVER` to an event. Raises Refusal."""
    found = grammar.RCPT.fullmatch(argument)
    if found is None:
        raise _refusal(501, "5.1.3", "Syntax: RCPT TO:<address> [parameters]")
    path, mailbox, parameters = found.groups()
    if parameters is None and path.isascii() and b'"' not in path and len(path) <= limits.path_bytes_max:
        return RcptTo(mailbox.decode())
    recipient = _address(path, mailbox, smtputf8, limits, "5.1.3")
    return RcptTo(recipient, **_fields(parameters, _RCPT_PARAMETERS, offers))


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


def _fields(parameters: bytes | None, table: _Table, offers: Offers) -> _Fields:
    fields: _Fields = {}
    for word in parameters.split() if parameters else ():
        found = grammar.PARAMETER.fullmatch(word)
        row = table.get(found[1].upper()) if found else None
        if found is None or row is None or not row.offered(offers, value := found[2]):
            raise _refusal(555, "5.5.4", "Parameter not recognised")
        new, known = row.read(value), len(fields)
        fields.update(new)
        if len(fields) < known + len(new):
            raise _refusal(501, "5.5.4", "Parameter given twice")
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
    """A mailbox or `<>`, as xtext (RFC 4954 8)."""
    text = _xtext(value, "AUTH")
    if text != "<>" and not grammar.MAILBOX.fullmatch(text.encode()):
        raise _bad("AUTH")
    return {"auth": text}


def _require_tls(value: bytes | None) -> _Fields:
    if value is not None:
        raise _bad("REQUIRETLS")
    return {"require_tls": True}


def _by(value: bytes | None) -> _Fields:
    found = grammar.BY.fullmatch(value or b"")
    if found is None:
        raise _bad("BY")
    return {"by_s": int(found[1]), "by_mode": found[2].decode().upper(), "by_trace": found[3] is not None}


def _hold_for(value: bytes | None) -> _Fields:
    if not grammar.HOLD_FOR.fullmatch(value or b""):
        raise _bad("HOLDFOR")
    return {"hold_for_s": int(value or b"")}


def _hold_until(value: bytes | None) -> _Fields:
    found = grammar.DATE_TIME.fullmatch(value or b"")
    if found is None:
        raise _bad("HOLDUNTIL")
    try:
        at = datetime.fromisoformat(f"{found[1].decode()}T{found[2].decode()}{(found[3] or b'+00:00').decode()}")
    except ValueError:  # the 30th of February
        raise _bad("HOLDUNTIL") from None
    return {"hold_until_ms": max(1, int(at.timestamp() * 1000))}  # long ago is as good as now


def _priority(value: bytes | None) -> _Fields:
    if not grammar.PRIORITY.fullmatch(value or b""):
        raise _bad("MT-PRIORITY")
    return {"priority": int(value or b""), "priority_asked": int(value or b"")}


def _solicit(value: bytes | None) -> _Fields:
    if len(value or b"") > SOLICIT_CHARS_MAX or not grammar.SOLICIT.fullmatch(value or b""):
        raise _bad("SOLICIT")
    return {"solicit": tuple(dict.fromkeys((value or b"").decode().split(",")))}


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


def _has_body(offers: Offers, value: bytes | None) -> bool:
    """7BIT belongs to both extensions that have BODY."""
    kind = (value or b"").upper()
    return (offers.eightbitmime and kind != b"BINARYMIME") or (offers.binary and kind != b"8BITMIME")


def _has_dsn(offers: Offers, _value: bytes | None) -> bool:
    return offers.dsn


def _has_hold(offers: Offers, _value: bytes | None) -> bool:
    return offers.hold_s_max > 0


_MAIL_PARAMETERS: _Table = {
    b"SIZE": _Row(_size, lambda offers, _value: offers.size),
    b"BODY": _Row(_body, _has_body),
    b"SMTPUTF8": _Row(_smtputf8, lambda offers, _value: offers.smtputf8),
    b"RET": _Row(_ret, _has_dsn),
    b"ENVID": _Row(_envid, _has_dsn),
    b"AUTH": _Row(_auth, lambda offers, _value: offers.auth),
    b"REQUIRETLS": _Row(_require_tls, lambda offers, _value: offers.requiretls),
    b"BY": _Row(_by, lambda offers, _value: offers.deliverby),
    b"HOLDFOR": _Row(_hold_for, _has_hold),
    b"HOLDUNTIL": _Row(_hold_until, _has_hold),
    b"MT-PRIORITY": _Row(_priority, lambda offers, _value: offers.mt_priority),
    b"SOLICIT": _Row(_solicit, lambda offers, _value: offers.no_soliciting),
}
_RCPT_PARAMETERS: _Table = {b"NOTIFY": _Row(_notify, _has_dsn), b"ORCPT": _Row(_orcpt, _has_dsn)}
