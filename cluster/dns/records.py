"""Records as texts, as zone files have them: for names that are answered from the settings, or by a twin.

The law: what is read here is what `codec` would have read from the wire.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from socket import AF_INET6, inet_ntop
from typing import Any, Final

from cluster.dns.codec import CHAIN_MAX, KINDS
from cluster.dns.resolver import Answer

Zones = Mapping[str, Mapping[str, Sequence[str]]]
"""Names, each with the texts of its records by kind."""

STATIC_TTL_S: Final = 300  # a lie of the settings lasts as long as they do; callers want some number


class Table:
    """What is known of some names. Raises ValueError for texts that are no records."""

    def __init__(self, zones: Zones) -> None:
        self._names: dict[str, dict[str, tuple[Any, ...]]] = {
            _name(name): {
                kind.upper(): tuple(parse(kind.upper(), text) for text in texts) for kind, texts in of.items()
            }
            for name, of in zones.items()
        }
        self._parents = {parent for name in self._names for parent in _parents(name)}

    def __contains__(self, name: str) -> bool:
        """Whether the table answers for the name, be it only that it has no records."""
        return name in self._names

    def find(self, name: str, kind: str) -> Answer:
        """The answer; CNAMEs are followed within the table."""
        for _ in range(CHAIN_MAX + 1):
            of = self._names.get(name)
            if of is None:
                status = "ok" if name in self._parents else "nxdomain"
                return Answer(status, (), True, name, STATIC_TTL_S)  # type: ignore[arg-type] # one of two words
            if kind in of or kind == "CNAME" or "CNAME" not in of:
                return Answer("ok", of.get(kind, ()), True, name, STATIC_TTL_S)
            name = of["CNAME"][0]
        return Answer("tempfail", why="too many CNAMEs")


def parse(kind: str, text: str) -> Any:
    """One record. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind; they are {', '.join(KINDS)}")
    try:
        return _PARSERS.get(kind, _name)(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no {kind} record") from error


def _name(text: str) -> str:
    return text.lower().removesuffix(".")


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels))]


def _text(text: str) -> bytes:
    """`"one" "two"` joined; without quotes as it is."""
    if not text.startswith('"'):
        return text.encode("utf-8", "surrogateescape")
    parts = text.split('"')
    if len(parts) % 2 == 0 or any(between.strip() for between in parts[::2]):
        raise ValueError("quotes that do not match")
    return "".join(parts[1::2]).encode("utf-8", "surrogateescape")


def _exchange(text: str) -> tuple[int, str]:
    preference, host = text.split()
    return int(preference), _name(host)


def _service(text: str) -> tuple[int, int, int, str]:
    priority, weight, port, host = text.split()
    return int(priority), int(weight), int(port), _name(host)


def _association(text: str) -> tuple[int, int, int, bytes]:
    usage, selector, matching, *data = text.split()
    return int(usage), int(selector), int(matching), bytes.fromhex("".join(data))


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "A": lambda text: str(ipaddress.IPv4Address(text)),
    "AAAA": lambda text: inet_ntop(AF_INET6, ipaddress.IPv6Address(text).packed),
    "MX": _exchange,
    "SRV": _service,
    "TLSA": _association,
    "TXT": _text,
}
