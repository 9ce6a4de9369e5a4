"""What is to be sent, and the commands it takes: MAIL and RCPT with the parameters that the server offers.

The law: a parameter is only sent where its extension is offered, and no text of anybody can break out of its command.
"""

import re
from typing import Final, Literal

import idna
import msgspec

from mail.smtp.client.capabilities import Capabilities

BY_S_MAX: Final = 999_999_999  # RFC 2852 4: 1*9DIGIT
# xchar of RFC 3461 4: printable, but for + and =
_NOT_XCHAR: Final = re.compile(r"[^!-*,-<>-~]")
# QCHAR of RFC 6533 3: printable, but for + = and backslash
_QCHAR: Final = re.compile(r"[!-*,-<>-\[\]-~]")
_BREAKS: Final = re.compile(r"[\x00-\x20\x7f<>]")


class BadAddress(ValueError):
    """An address that would not be one argument on the wire."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The MAIL command. `address` empty: the null reverse-path."""

    address: str = ""
    size_bytes: int = 0
    body: Literal["7BIT", "8BITMIME", "BINARYMIME"] = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    require_tls: bool = False
    priority: int = 0
    by_s: int | None = None
    """RFC 2852: seconds that are left, below 0 when it is late; None: no such wish."""
    by_mode: str = "N"
    by_trace: bool = False


class Target(msgspec.Struct, frozen=True):
    """One RCPT command. `orcpt` decoded, as `type;address`."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""


class Transaction(msgspec.Struct, frozen=True):
    """One message to at least one recipient. `content`: as mail.smtp.client.content.canonical makes it, or binary."""

    sender: Sender
    targets: tuple[Target, ...]
    content: bytes


def mail_command(sender: Sender, offers: Capabilities, *, authenticated: bool) -> bytes:
    """MAIL with all that the server understands. Raises BadAddress."""
    words = [f"MAIL FROM:<{_safe(sender.address)}>"]
    if offers.size and sender.size_bytes:
        words.append(f"SIZE={sender.size_bytes}")
    if sender.body == "BINARYMIME" or (sender.body == "8BITMIME" and offers.eightbit):
        words.append(f"BODY={sender.body}")
    if sender.smtputf8 and offers.smtputf8:
        words.append("SMTPUTF8")
    if offers.dsn:
        words += [f"RET={sender.ret}"] if sender.ret else []
        words += [f"ENVID={xtext(sender.envid)}"] if sender.envid else []
    if sender.require_tls and offers.requiretls:
        words.append("REQUIRETLS")
    if sender.priority and offers.priority:
        words.append(f"MT-PRIORITY={sender.priority}")
    if sender.by_s is not None and offers.deliver_by:
        left_s = max(-BY_S_MAX, min(BY_S_MAX, sender.by_s))
        words.append(f"BY={left_s};{sender.by_mode}{'T' if sender.by_trace else ''}")
    if authenticated:
        words.append("AUTH=<>")  # RFC 4954 5: we vouch for nobody
    words[-1] += "\r\n"
    return " ".join(words).encode()


def rcpt_command(target: Target, offers: Capabilities, *, smtputf8: bool) -> bytes:
    """RCPT with all that the server understands. Raises BadAddress."""
    if not offers.dsn or not (target.notify or target.orcpt):
        return f"RCPT TO:<{_safe(target.address)}>\r\n".encode()
    words = [f"RCPT TO:<{_safe(target.address)}>"]
    if target.notify:
        words.append(f"NOTIFY={','.join(target.notify)}")
    if target.orcpt:
        words.append(f"ORCPT={_orcpt(target.orcpt, smtputf8=smtputf8)}")
    words[-1] += "\r\n"
    return " ".join(words).encode()


def _safe(address: str) -> str:
    """A quoted local part may have spaces and brackets, nothing may have a line's end."""
    if address.isascii() and address.isprintable() and not _BREAKS.search(address):
        return address
    _, quoted, domain = address.rpartition('"@')
    open_to_all = domain if quoted and address.startswith('"') else address
    if not address.isprintable() or _BREAKS.search(open_to_all):
        raise BadAddress("an address with characters that no command may have")
    return address


def to_ascii(address: str) -> str:
    """The address for a server without SMTPUTF8 (RFC 6531 3.2): A-labels in its domain. Raises BadAddress where that
    is not enough."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        if local.isascii():
            return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except (idna.IDNAError, UnicodeError):
        pass
    raise BadAddress("the address needs SMTPUTF8")


def xtext(text: str) -> str:
    """RFC 3461 4, for ASCII."""
    return _NOT_XCHAR.sub(lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), text)


def _orcpt(orcpt: str, *, smtputf8: bool) -> str:
    """RFC 6533 3: UTF-8 stands as it is where it may, else as hexadecimal points; only under the type utf-8."""
    kind, _, address = orcpt.partition(";")
    if address.isascii():
        return f"{kind};{xtext(address)}"
    pieces = [
        char
        if _QCHAR.fullmatch(char) or (smtputf8 and not char.isascii() and char.isprintable())
        else f"\\x{{{ord(char):02X}}}"
        for char in address
    ]
    return "utf-8;" + "".join(pieces)
