"""An SPF record (RFC 7208 4.5 to 6): read whole and strictly before any of it is evaluated.

The law: a syntax error anywhere makes the whole record a problem; nothing is guessed. Linear time for any bytes.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from mail.trust.spf_macro import MacroError, Pieces, parse_domain_spec, parse_macro_string

Outcome: TypeAlias = Literal["pass", "fail", "softfail", "neutral"]
Kind: TypeAlias = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

RECORD_BYTES_MAX: Final = 16 * 1024  # 3.4 asks for 450; the longest in use have 4,000. More is a problem of its own.
_CACHED_BYTES_MAX: Final = 2048  # so that the 4,096 kept records hold 20 MB at the worst; one of 300 bytes takes 3 kB
_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_OUTCOMES: Final[dict[str, Outcome]] = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
# directive = [ qualifier ] mechanism; what may follow a name begins with ":" or "/".
_DIRECTIVE: Final = re.compile(
    r"([-+?~]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:(?=[:/])([!-~]*))?\Z", re.IGNORECASE | re.DOTALL
)
_MODIFIER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)\Z", re.DOTALL)
# [ip4-cidr-length] ["/" ip6-cidr-length] at the end of what follows a name
_DUAL_CIDR: Final = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_CIDR: Final = re.compile(r"([^/]*)(?:/(0|[1-9][0-9]{0,2}))?\Z")
_CIDR_CHARS: Final = "0123456789/"


class Term(NamedTuple):
    """A directive. `domain` None: the current domain. Of ip4 and ip6 `network` is what the first bits must be, moved
    right by `shift`; a and mx have their prefix lengths as the shifts of both families."""

    text: str
    kind: Kind
    outcome: Outcome
    domain: Pieces | None = None
    network: int = 0
    shift: int = 0
    shift6: int = 0


class Record(NamedTuple):
    """`problem`: why it is a permerror; the rest is empty then."""

    text: str
    terms: tuple[Term, ...] = ()
    redirect: Pieces | None = None
    explanation: Pieces | None = None
    problem: str = ""


def select(texts: Sequence[Any]) -> list[bytes]:
    """The SPF records among TXT records: version "v=spf1", then a space or the end (4.5)."""
    return [text for text in texts if text[:6].lower() == b"v=spf1" and text[6:7] in b" "]


def read(text: bytes) -> Record:
    """A record with its version. Never raises."""
    if len(text) <= _CACHED_BYTES_MAX:
        return _read_cached(text)
    if len(text) > RECORD_BYTES_MAX:
        return Record(text[:100].decode("latin-1"), problem=f"a record of {len(text)} bytes")
    return _read(text)


def _read(text: bytes) -> Record:
    whole = text.decode("latin-1")  # what is not ASCII has no place in the grammar
    terms: list[Term] = []
    known: dict[str, Pieces] = {}
    try:
        for word in whole[6:].split(" "):
            if not word:
                continue
            if modifier := _MODIFIER.match(word):
                _modify(known, modifier[1].lower(), modifier[2])
            else:
                terms.append(_term(word))
    except (MacroError, _SyntaxError) as error:
        return Record(whole, problem=f"{_shown(word)}: {error}")
    return Record(whole, tuple(terms), known.get("redirect"), known.get("exp"))


_read_cached: Final = lru_cache(maxsize=4096)(_read)


class _SyntaxError(ValueError):
    """A term that does not follow the grammar."""


def _shown(word: str) -> str:
    return repr(word if len(word) <= 60 else word[:60] + "...")


def _modify(known: dict[str, Pieces], name: str, value: str) -> None:
    """redirect= and exp= once each; all others must have the right form and are ignored (6)."""
    if name not in ("redirect", "exp"):
        parse_macro_string(value)
        return
    if name in known:
        raise _SyntaxError(f"{name}= a second time")
    known[name] = parse_domain_spec(value)


def _term(word: str) -> Term:
    match = _DIRECTIVE.match(word)
    if match is None:
        raise _SyntaxError("no such mechanism")
    kind = _KINDS[match[2].lower()]
    outcome = _OUTCOMES[match[1]]
    rest = match[3] or ""
    if kind == "all":
        if rest:
            raise _SyntaxError("nothing may follow")
        return Term(word, kind, outcome)
    if kind in ("ip4", "ip6"):
        return _network(word, kind, outcome, rest)
    if kind in ("a", "mx"):
        return _addresses(word, kind, outcome, rest)
    if not rest and kind == "ptr":
        return Term(word, kind, outcome)
    if not rest.startswith(":"):
        raise _SyntaxError("a domain must follow")
    return Term(word, kind, outcome, parse_domain_spec(rest[1:]))


def _addresses(word: str, kind: Kind, outcome: Outcome, rest: str) -> Term:
    """a and mx: [ ":" domain-spec ] [ dual-cidr-length ]."""
    bits4, bits6 = 32, 128
    if rest and rest[-1].isdigit():  # the end is tried where a slash begins it, so once
        cidr = _DUAL_CIDR.match(rest, _cidr_start(rest))
        if cidr is not None:
            rest = rest[: cidr.start()]
            bits4, bits6 = int(cidr[1] or 32), int(cidr[2] or 128)
    if bits4 > 32 or bits6 > 128:
        raise _SyntaxError("a prefix longer than an address")
    if rest and not rest.startswith(":"):
        raise _SyntaxError("neither a domain nor a prefix length")
    domain = parse_domain_spec(rest[1:]) if rest else None
    return Term(word, kind, outcome, domain, shift=32 - bits4, shift6=128 - bits6)


def _cidr_start(rest: str) -> int:
    """Where the slashes and digits at the end begin, from the first slash on."""
    tail = len(rest.rstrip(_CIDR_CHARS))
    slash = rest.find("/", tail)
    return slash if slash >= 0 else len(rest)


def _network(word: str, kind: Literal["ip4", "ip6"], outcome: Outcome, rest: str) -> Term:
    """ ":" ip4-network or ip6-network, [ "/" length ] (5.6)."""
    cidr = _CIDR.match(rest, 1)
    if not rest.startswith(":") or cidr is None:
        raise _SyntaxError("an address must follow")
    try:
        address = ipaddress.IPv4Address(cidr[1]) if kind == "ip4" else _ip6(cidr[1])
    except ValueError as error:
        raise _SyntaxError("no address") from error
    size = address.max_prefixlen
    bits = int(cidr[2]) if cidr[2] else size
    if bits > size:
        raise _SyntaxError("a prefix longer than an address")
    return Term(word, kind, outcome, network=int(address) >> (size - bits), shift=size - bits)


def _ip6(text: str) -> ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError("a zone")
    return ipaddress.IPv6Address(text)
