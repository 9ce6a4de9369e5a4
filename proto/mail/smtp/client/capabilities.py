"""What a server offers: the answer to EHLO or LHLO (RFC 5321 4.1.1.1) as a value.

The law: what is not offered is never used; what cannot be read counts as not offered.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

_WORDS_MAX: Final = 40  # of one line
_SIZE: Final = re.compile(r"[0-9]{1,20}")  # RFC 1870 4
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,5}")  # RFC 9422 4: 1 to 999999
_BY: Final = re.compile(r"[0-9]{1,9}")  # RFC 2852 2 (3)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """The offers of one server at one moment; the defaults are a server that knows only HELO."""

    extended: bool = False
    host: str = ""
    """What the server calls itself, unproven."""
    pipelining: bool = False
    chunking: bool = False
    binarymime: bool = False
    eightbit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    enhanced: bool = False
    dsn: bool = False
    requiretls: bool = False
    priority: bool = False
    """MT-PRIORITY (RFC 6710)."""
    size: bool = False
    size_bytes_max: int = 0
    """Of SIZE (RFC 1870); 0: not told, or no fixed limit."""
    deliver_by: bool = False
    deliver_by_min_s: int = 0
    """The shortest that DELIVERBY is taken for (RFC 2852 2); 0: any."""
    mechanisms: tuple[str, ...] = ()
    """Of AUTH (RFC 4954), in upper case."""
    recipients_max: int = 0
    """RCPTMAX (RFC 9422): recipients of a transaction; 0: not told."""
    transactions_max: int = 0
    """MAILMAX: transactions of a connection; 0: not told."""
    domains_max: int = 0
    """RCPTDOMAINMAX: different recipient domains of a transaction; 0: not told."""


PLAIN: Final = Capabilities()
_FLAGS: Final = {
    "PIPELINING": "pipelining",
    "CHUNKING": "chunking",
    "BINARYMIME": "binarymime",
    "8BITMIME": "eightbit",
    "SMTPUTF8": "smtputf8",
    "STARTTLS": "starttls",
    "ENHANCEDSTATUSCODES": "enhanced",
    "DSN": "dsn",
    "REQUIRETLS": "requiretls",
    "MT-PRIORITY": "priority",
}
_LIMITS: Final = {"RCPTMAX": "recipients_max", "MAILMAX": "transactions_max", "RCPTDOMAINMAX": "domains_max"}


def parse_hello(text: str) -> Capabilities:
    """The lines of a positive answer to EHLO. Raises nothing for any text."""
    first, *lines = text.split("\n")
    fields: dict[str, object] = {}
    for line in lines:
        keyword, *words = (
            line.replace("=", " ", 1).split()[:_WORDS_MAX]
            if line[:5].upper() == "AUTH="
            else (line.split()[:_WORDS_MAX] or [""])
        )
        keyword = keyword.upper()
        if keyword in _FLAGS:
            fields[_FLAGS[keyword]] = True
        elif keyword == "SIZE":
            fields["size"] = True
            fields["size_bytes_max"] = _number(_SIZE, words)
        elif keyword == "DELIVERBY":
            fields["deliver_by"] = True
            fields["deliver_by_min_s"] = _number(_BY, [word.partition(",")[0] for word in words])
        elif keyword == "AUTH":
            known = fields.get("mechanisms", ())
            assert isinstance(known, tuple)
            fields["mechanisms"] = tuple(dict.fromkeys((*known, *(word.upper() for word in words))))
        elif keyword == "LIMITS":
            fields |= _limits(words)
    if not fields.get("chunking"):
        fields.pop("binarymime", None)  # RFC 3030 3 (3): only with CHUNKING
    return msgspec.convert({"extended": True, "host": first.partition(" ")[0][:255], **fields}, Capabilities)


def _number(pattern: re.Pattern[str], words: list[str]) -> int:
    return int(words[0]) if words and pattern.fullmatch(words[0]) else 0


def _limits(words: Iterable[str]) -> dict[str, object]:
    """RFC 9422 4: what is unknown or malformed is passed over."""
    found: dict[str, object] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name.upper() in _LIMITS and _LIMIT.fullmatch(value):
            found[_LIMITS[name.upper()]] = int(value)
    return found
