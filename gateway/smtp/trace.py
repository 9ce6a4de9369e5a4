"""Trace fields (RFC 5321 4.4): Received on every message, Return-Path at final delivery, and loops found by counting.

What the client said of itself is never written unless it fits the grammar: a trace must not be forged by HELO.
"""

import re
import time
from typing import NamedTuple

from mail.message.header import header_end
from mail.smtp.events import Hello
from mail.smtp.states import Role

HEAD_BYTES_MAX = 256 * 1024  # as far as mail.message reads a header: what is beyond is shown to nobody as a field
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Domain / address-literal, as far as it can stand in a field
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[A-Za-z0-9.:-]+\]")


class Origin(NamedTuple):
    """What is known of where a message came from."""

    hello: Hello
    ip: str
    role: Role
    tls: bool
    authenticated: bool
    via: str = ""
    """What it came by, where that is not SMTP: then of the client nothing is told."""


def with_keyword(origin: Origin, *, smtputf8: bool) -> str:
    """The WITH clause (RFC 3848; RFC 6531 4.3): ESMTPSA and the like."""
    if not origin.hello.extended:
        return "SMTP"
    base = "LMTP" if origin.role is Role.LMTP else "SMTP" if smtputf8 else "ESMTP"
    return ("UTF8" if smtputf8 else "") + base + ("S" if origin.tls else "") + ("A" if origin.authenticated else "")


def received(origin: Origin, *, by: str, ident: str, now_ms: int, recipient: str = "", smtputf8: bool = False) -> bytes:
    """A Received field, folded, with its CRLF. `recipient` only when it is the only one (RFC 5321 7.2)."""
    to = f"\r\n\tfor <{recipient}>" if recipient else ""
    date = date_time(now_ms)
    if origin.via:
        return f"Received: by {by} with {origin.via} id {ident}{to};\r\n\t{date}\r\n".encode()
    address = f"[IPv6:{origin.ip}]" if ":" in origin.ip else f"[{origin.ip}]"
    name = origin.hello.name if _NAME.fullmatch(origin.hello.name) and len(origin.hello.name) <= 255 else "unknown"
    way = with_keyword(origin, smtputf8=smtputf8)
    return f"Received: from {name} ({address})\r\n\tby {by} with {way} id {ident}{to};\r\n\t{date}\r\n".encode()


def return_path(sender: str) -> bytes:
    """The Return-Path field of final delivery, with its CRLF."""
    return f"Return-Path: <{sender}>\r\n".encode()


def date_time(now_ms: int) -> str:
    """date-time of RFC 5322 3.3, in UTC and in English whatever the locale."""
    at = time.gmtime(now_ms // 1000)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year} {clock} +0000"


def head_of(body: bytes) -> bytes:
    """The header section, up to and with the CRLF of its last field; of one above HEAD_BYTES_MAX the beginning."""
    if body.startswith(b"\r\n"):
        return b""
    end = body.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
    return body[:HEAD_BYTES_MAX] if end < 0 else body[: end + 2]


def apart(body: bytes) -> bytes:
    """The message as fields can stand before it. One that does not begin with a field has no header, and was judged as
    such: an empty line keeps it so, else its first lines would become fields, or go on with our last one."""
    return body if not body or header_end(body, 0, len(body)) else b"\r\n" + body


def received_count(head: bytes) -> int:
    """How many servers the message has passed (RFC 5321 6.3)."""
    lowered = head.lower()
    return lowered.count(b"\r\nreceived:") + lowered.startswith(b"received:")
