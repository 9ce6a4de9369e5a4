"""The ways in which the DNS server of the tests misbehaves, by the first label of the name that is asked for.

A new one joins ODD.
"""

import functools
import random
from collections.abc import Callable
from typing import Final, Protocol

import dns.rdatatype

SLOW_S: Final = 0.15
HUGE_BYTES: Final = 60_000

Send = Callable[[bytes], None]
Wire = bytes


class Server(Protocol):
    """Of a DnsServer, what misbehaving needs."""

    dice: random.Random

    def later(self, send: Send, data: Wire, seconds: float) -> None: ...


def question_of(data: bytes) -> tuple[bytes, str, str]:
    """The bytes of the question in lower case, its name, its kind."""
    at, labels = 12, []
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    kind = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(int.from_bytes(data[at + 1 : at + 3], "big")))
    return data[12 : at + 5].lower(), b".".join(labels).lower().decode("latin-1"), kind


class Asked:
    """A query that is answered oddly."""

    def __init__(self, server: Server, data: bytes, name: str, send: Send, transport: str) -> None:
        self.server, self.data, self.name, self.send, self.transport = server, data, name, send, transport
        self.question = data[12 : 12 + len(question_of(data)[0])]

    def head(self, flags: int = 0x8180, answers: int = 0) -> Wire:
        """Header and question of an answer."""
        return (
            self.data[:2] + flags.to_bytes(2, "big") + b"\0\1" + answers.to_bytes(2, "big") + bytes(4) + self.question
        )

    def record(self, rdata: bytes, owner: bytes = b"\xc0\x0c", kind: bytes = b"") -> Wire:
        """A record of the kind that was asked for."""
        return owner + (kind or self.question[-4:-2]) + b"\0\1\0\0\x0e\x10" + len(rdata).to_bytes(2, "big") + rdata


def _address(asked: Asked) -> Wire:
    return asked.head(answers=1) + asked.record(b"\xc0\0\2\1")


def _rcode(code: int, asked: Asked) -> None:
    asked.send(asked.head(0x8180 | code))


def _slow(asked: Asked) -> None:
    asked.server.later(asked.send, _address(asked), SLOW_S)


def _truncated(asked: Asked) -> None:
    """TC and half an answer by UDP; all of it by TCP."""
    whole = _address(asked)
    asked.send(whole if asked.transport == "tcp" else asked.head(0x8380, 1) + whole[len(asked.head()) :][:7])


def _deaf(asked: Asked) -> None:
    """Wants TCP, and then says nothing there."""
    if asked.transport == "udp":
        asked.send(asked.head(0x8380))


def _huge(asked: Asked) -> None:
    if asked.transport == "udp":
        asked.send(asked.head(0x8380))
        return
    text = b"".join(b"\xff" + b"x" * 255 for _ in range(HUGE_BYTES // 256))
    asked.send(asked.head(answers=1) + asked.record(text))


def _many(asked: Asked) -> None:
    """As many records as fit into 64 kB."""
    if asked.transport == "udp":
        asked.send(asked.head(0x8380))
        return
    asked.send(asked.head(answers=4000) + asked.record(b"\xc0\0\2\1") * 4000)


def _garbage(asked: Asked) -> None:
    asked.send(asked.head(answers=3) + asked.server.dice.randbytes(200))


def _noise(asked: Asked) -> None:
    asked.send(asked.server.dice.randbytes(100))


def _wrong_id(asked: Asked) -> None:
    other = _address(asked)
    asked.send(bytes((other[0] ^ 1, other[1])) + other[2:])


def _wrong_question(asked: Asked) -> None:
    right = _address(asked)
    asked.send(right[:13] + b"right" + right[18:])


def _flood(asked: Asked) -> None:
    """A forger who guesses numbers, and then the answer."""
    right = _address(asked)
    for guess in range(300):
        number = (int.from_bytes(right[:2], "big") + 1 + guess) & 0xFFFF
        asked.send(number.to_bytes(2, "big") + right[2:-4] + b"\6\6\6\6")
    asked.send(right)


def _lower(asked: Asked) -> None:
    """A server that does not keep the case of letters."""
    asked.question = asked.question[:-4].lower() + asked.question[-4:]
    asked.send(_address(asked))


def _pointer(target: int, asked: Asked) -> None:
    """A record whose owner points at itself, or where it must not."""
    at = len(asked.head()) + target
    asked.send(asked.head(answers=1) + asked.record(b"\xc0\0\2\1", (0xC000 | at).to_bytes(2, "big")))


def _ladder(asked: Asked) -> None:
    """Pointers to pointers to pointers: each record's name takes as many steps as there are records."""
    if asked.transport == "udp":
        asked.send(asked.head(0x8380))
        return
    head, records, owner = asked.head(answers=900), b"", b"\xc0\x0c"
    for _ in range(900):
        here = len(head) + len(records)
        records += asked.record(b"\xc0\0\2\1", owner)
        owner = (0xC000 | here).to_bytes(2, "big")
    asked.send(head + records)


def _endless(asked: Asked) -> None:
    """CNAMEs in a ring."""
    label = b"\4ring\xc0" + bytes((12 + 1 + asked.question[0],))
    ring = asked.record(label, kind=b"\0\5") + asked.record(b"\xc0\x0c", label, kind=b"\0\5")
    asked.send(asked.head(answers=2) + ring)


def _old(asked: Asked) -> None:
    """A server from before EDNS."""
    if asked.data[10:12] != b"\0\0":
        asked.send(asked.data[:2] + b"\x81\x81" + bytes(8))
        return
    asked.send(_address(asked))


ODD: Final[dict[str, Callable[[Asked], None]]] = {
    "never": lambda asked: None,
    "slow": _slow,
    "truncated": _truncated,
    "deaf": _deaf,
    "huge": _huge,
    "many": _many,
    "garbage": _garbage,
    "noise": _noise,
    "wrong-id": _wrong_id,
    "wrong-question": _wrong_question,
    "flood": _flood,
    "lower": _lower,
    "pointer-self": functools.partial(_pointer, 0),
    "pointer-on": functools.partial(_pointer, 4),
    "pointer-out": functools.partial(_pointer, 9999),
    "ladder": _ladder,
    "cname-ring": _endless,
    "old": _old,
    "servfail": functools.partial(_rcode, 2),
    "nxdomain": functools.partial(_rcode, 3),
    "refused": functools.partial(_rcode, 5),
}
