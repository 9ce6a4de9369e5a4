"""A DMARC record: what a domain asks to be done with mail that fails (RFC 9989 4.7, 4.8; RFC 7489 6.3 for what it had).

The law: a record that does not begin with v=DMARC1 is none; all else in it that is wrong is as if it were not there
(but for the policies, see `applies`), and never raises. Linear time for any bytes.
"""

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

Policy: TypeAlias = Literal["none", "quarantine", "reject"]
Mode: TypeAlias = Literal["r", "s"]

RECORD_BYTES_MAX: Final = 4096  # the longest in use have 500; what is beyond is not read
TAGS_MAX: Final = 50  # there are 14
URIS_MAX: Final = 10  # RFC 7489 6.2 asks for at least two; each may cost a question and a report
INTERVAL_S: Final = 86_400  # RFC 7489 6.3, ri

# dmarc-version = "v" equals %s"DMARC1", then the end or a separator; "v" itself in any case (RFC 5234 2.3)
_VERSION: Final = re.compile(rb"[ \t]*[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_TAG: Final = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*=[ \t]*([ -:<-~\t]*)\Z")
# URI of RFC 3986 as far as it matters: a scheme, then its characters but "," and "!"; then the obsolete size.
_URI: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@$&'(*+;=%)]+)(?:!([0-9]{1,20})([kmgtKMGT]?))?\Z"
)
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_POLICIES: Final[dict[str, Policy]] = {"none": "none", "quarantine": "quarantine", "reject": "reject"}
_MODES: Final[dict[str, Mode]] = {"r": "r", "s": "s"}
_FO: Final = frozenset("01ds")


class Destination(NamedTuple):
    """A reporting URI; `size_bytes_max` 0: not limited (RFC 7489 6.2; RFC 9989 4.8 ignores it)."""

    uri: str
    size_bytes_max: int = 0


class Record(NamedTuple):
    """`p`, `sp`, `np` None: not there, or not valid; `unreadable`: which of them is there and not valid."""

    text: str
    p: Policy | None = None
    sp: Policy | None = None
    np: Policy | None = None
    unreadable: tuple[str, ...] = ()
    adkim: Mode = "r"
    aspf: Mode = "r"
    psd: Literal["y", "n", "u"] = "u"
    testing: bool = False  # t=y
    pct: int = 100
    rua: tuple[Destination, ...] = ()
    ruf: tuple[Destination, ...] = ()
    fo: tuple[str, ...] = ("0",)
    rf: tuple[str, ...] = ("afrf",)
    ri_s: int = INTERVAL_S

    @property
    def applies(self) -> bool:
        """Whether it is a policy at all: with p= missing or a policy not valid it is p=none if reports are asked for,
        else DMARC is not applied (RFC 9989 4.10.1, RFC 7489 6.6.3)."""
        return self.is_whole or bool(self.rua)

    @property
    def is_whole(self) -> bool:
        """The policies can be taken as they are."""
        return self.p is not None and not self.unreadable

    def policy_for(self, tag: Literal["p", "sp", "np"]) -> tuple[Policy, str]:
        """The policy where `tag` would apply, and the tag that gave it (RFC 9989 4.7)."""
        if self.p is None or self.unreadable:
            return "none", "p"
        if tag == "np" and self.np is not None:
            return self.np, "np"
        if tag != "p" and self.sp is not None:
            return self.sp, "sp"
        return self.p, "p"


def is_record(text: bytes) -> bool:
    """It begins with the version; all others are not DMARC's."""
    return _VERSION.match(text) is not None


def read(text: bytes) -> Record | None:
    """A TXT record; None where it is no DMARC record. Never raises."""
    return _read(text[:RECORD_BYTES_MAX])


@lru_cache(maxsize=2048)  # of 4 kB at most, so 20 MB at the worst; one of 100 bytes takes 1 kB
def _read(text: bytes) -> Record | None:
    if not is_record(text):
        return None
    whole = text.decode("latin-1")  # what is not ASCII has no place in the grammar
    tags: dict[str, str] = {}
    for piece in whole.split(";", TAGS_MAX + 1)[1 : TAGS_MAX + 1]:
        if match := _TAG.match(piece):
            tags.setdefault(match[1].lower(), match[2].rstrip(" \t"))
    return Record(
        whole,
        _policy(tags, "p"),
        _policy(tags, "sp"),
        _policy(tags, "np"),
        tuple([tag for tag in ("p", "sp", "np") if tag in tags and _policy(tags, tag) is None]),
        _MODES.get(tags.get("adkim", "").lower(), "r"),
        _MODES.get(tags.get("aspf", "").lower(), "r"),
        _psd(tags.get("psd", "").lower()),
        tags.get("t", "").lower() == "y",
        _number(tags.get("pct", ""), 100, 100),
        _uris(tags.get("rua", "")),
        _uris(tags.get("ruf", "")),
        _options(tags.get("fo", "")),
        tuple(_words(tags.get("rf", ""))[:5]) or ("afrf",),
        _number(tags.get("ri", ""), 0xFFFF_FFFF, INTERVAL_S),
    )


def _policy(tags: dict[str, str], tag: str) -> Policy | None:
    return _POLICIES.get(tags.get(tag, "").lower())


def _psd(value: str) -> Literal["y", "n", "u"]:
    return "y" if value == "y" else "n" if value == "n" else "u"


def _number(value: str, most: int, default: int) -> int:
    if not value.isdigit() or len(value) > 10 or int(value) > most:
        return default
    return int(value)


def _words(value: str) -> list[str]:
    return [word for piece in value.split(":") if (word := piece.strip(" \t").lower())]


def _options(value: str) -> tuple[str, ...]:
    """fo: each once; 0 where none is known."""
    return tuple(dict.fromkeys([word for word in _words(value) if word in _FO])) or ("0",)


def _uris(value: str) -> tuple[Destination, ...]:
    found = []
    for piece in value.split(",")[: 2 * URIS_MAX]:
        if match := _URI.match(piece.strip(" \t")):
            size = int(match[2]) << _UNITS[match[3].lower()] if match[2] else 0
            found.append(Destination(match[1], size))
    return tuple(found[:URIS_MAX])
