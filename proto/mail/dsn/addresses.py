"""Addresses in the fields of a notification: RFC 3464 2.1.2, and RFC 6533 3 for those outside ASCII.

The law: what is written is one line of printable characters, whatever the address holds.
"""

import re
from typing import Final

_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
# QCHAR of RFC 6533 3: printable ASCII but `+`, `=` and the backslash.
_NOT_QCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def typed(address: str, *, utf8: bool) -> str:
    """An address with its type. `utf8`: whether the field may hold UTF-8; else what is outside ASCII is written as
    `\\x{E4}`."""
    if address.isascii():
        return f"rfc822;{clean(address)}"
    return f"utf-8;{clean(address) if utf8 else embedded(address)}"


def original(orcpt: str, *, utf8: bool) -> str:
    """`type;address` of an ORCPT, as it is to be written; empty where it is none."""
    kind, separator, address = orcpt.partition(";")
    if not separator or not _TYPE.fullmatch(kind):
        return ""
    if address.isascii() or utf8:
        return f"{kind};{clean(address)}"
    return f"utf-8;{embedded(address)}"


def embedded(address: str) -> str:
    """utf-8-addr-xtext: ASCII alone."""
    return _NOT_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)


def unembedded(text: str) -> str:
    """The inverse; what is no such character stays as it is."""
    return _EMBEDDED.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        return found[0]
    return chr(number)


def clean(text: str) -> str:
    """On one line: no control characters, and no line ends of any kind."""
    return _CONTROLS.sub("?", text)
