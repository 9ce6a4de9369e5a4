"""Questions and answers of the DNS as bytes (RFC 1035 §4), the kinds that mail needs.

The law: no bytes raise anything here, or cost more than their length: a pointer only goes back, a name seen once is not
read again, and what is malformed is a temporary failure of the whole answer, never part of an answer.
"""

import re
import struct
from collections.abc import Callable, Iterator
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, Final, Literal, NamedTuple

KINDS: Final = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "TLSA": 52,
}  # RFC 1035, 3596, 2782, 6698
HEADER_BYTES: Final = 12
NAME_BYTES_MAX: Final = 255  # RFC 1035 §2.3.4, with the lengths and the root
LABEL_BYTES_MAX: Final = 63
RECORDS_MAX: Final = 1000  # of one answer: more than any that mail has a use for, yet cheap to read
CHAIN_MAX: Final = 16  # CNAMEs in one answer; resolvers give up at about as many
STEPS_MAX: Final = 256  # labels and pointers of one name: it has at most 127 labels
TTL_S_MAX: Final = (1 << 31) - 1  # RFC 2181 §8: what is above counts as 0

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
_RCODES: Final = {FORMERR: "FORMERR", SERVFAIL: "SERVFAIL", NOTIMP: "NOTIMP", REFUSED: "REFUSED"}

_CLASS_IN: Final = 1
_SOA: Final = 6
_OPT: Final = 41
_POINTER: Final = 0xC0
_RESPONSE: Final = 0x80  # with the operation: in the third byte of a header
_TRUNCATED: Final = 0x02
_AUTHENTIC: Final = 0x20  # AD, in the fourth (RFC 4035 §3.2.3)
_FLAGS: Final = 0x0120  # recursion desired, and AD: tell whether it was validated (RFC 6840 §5.7)
_DNSSEC_OK: Final = 0x8000  # DO (RFC 3225)

_PLAIN: Final = bytes(range(0x21, 0x7F)).replace(b"\\", b"")  # what a name shows as it is, and the dot
_LETTERS: Final = bytes(0x20 if chr(byte).isalpha() and byte < 0x80 else 0 for byte in range(256))
_LENGTHS: Final = [bytes((size,)) for size in range(LABEL_BYTES_MAX + 1)]
_ODD: Final = re.compile(rb"[^!-\-/-\[\]-~]")  # what is escaped: also the dot and the backslash

_Memo = dict[int, str]
"""Names read already, by where they begin."""


class Malformed(ValueError):
    """The answer is none. Never leaves `read`."""


class Reply(NamedTuple):
    """What an answer says. `authentic`: its AD bit. `rcode`: -1 where there was none to read."""

    status: Literal["ok", "nxdomain", "tempfail"]
    records: tuple[Any, ...] = ()
    name: str = ""
    ttl_s: int = 0
    authentic: bool = False
    rcode: int = -1
    why: str = ""


def failed(why: str, rcode: int = -1) -> Reply:
    """An answer that could not be had."""
    return Reply("tempfail", why=why, rcode=rcode)


# -- questions ---------------------------------------------------------------------------------------------------------


def wire_name(name: str) -> bytes:
    """A name as it is sent, in lower case; empty where the text is none (RFC 1035 §3.1)."""
    try:
        raw = name.encode().lower()
    except UnicodeEncodeError:
        return b""
    raw = raw.removesuffix(b".")
    if len(raw) > NAME_BYTES_MAX - 2:
        return b""
    parts = []
    for label in raw.split(b"."):
        if not 0 < len(label) <= LABEL_BYTES_MAX:
            return b""
        parts.append(_LENGTHS[len(label)])
        parts.append(label)
    return b"".join(parts) + b"\0"


def question(name: bytes, kind: str) -> bytes:
    """The question of a name made by `wire_name`."""
    return name + struct.pack("!HH", KINDS[kind], _CLASS_IN)


def shaken(question: bytes, bits: int) -> bytes:
    """The question with random upper case: an answer must show the same, which a forger cannot know
    (draft-vixie-dnsext-dns0x20). `bits`: 8 for each byte of it."""
    size = len(question)
    letters = int.from_bytes(question[:-4].translate(_LETTERS) + b"\0\0\0\0", "big")
    return (int.from_bytes(question, "big") ^ (letters & bits)).to_bytes(size, "big")


def query(ident: int, question: bytes, *, payload: int = 1232, dnssec: bool = True) -> bytes:
    """A query. `payload`: the largest answer by UDP; 0: without EDNS (RFC 6891). `dnssec`: signatures are welcome."""
    if not payload:
        return struct.pack("!6H", ident, _FLAGS, 1, 0, 0, 0) + question
    head = struct.pack("!6H", ident, _FLAGS, 1, 0, 0, 1)
    return head + question + struct.pack("!BHHIH", 0, _OPT, payload, _DNSSEC_OK if dnssec else 0, 0)


# -- answers -----------------------------------------------------------------------------------------------------------


def is_answer(data: bytes, question: bytes) -> bool:
    """Whether these bytes answer this very question, up to the case of its letters."""
    return (
        len(data) >= HEADER_BYTES
        and data[2] & 0xF8 == _RESPONSE
        and data[4:6] == b"\0\1"
        and data[HEADER_BYTES : HEADER_BYTES + len(question)].lower() == question.lower()
    )


def is_truncated(data: bytes) -> bool:
    """Whether the whole of it is to be had by TCP only."""
    return bool(data[2] & _TRUNCATED)


def rcode_of(data: bytes) -> int:
    """How the server says it went."""
    return data[3] & 0x0F


def read(data: bytes, name: str, kind: str) -> Reply:
    """What an answer to this question says; `is_answer` was asked before. `name` as it was asked for."""
    try:
        return _read(data, name, kind)
    except Malformed as error:
        return failed(f"malformed answer: {error}")
    except (struct.error, IndexError):
        return failed("malformed answer: it ends too early")


class _Record(NamedTuple):
    owner: str
    type: int
    ttl_s: int
    begin: int
    end: int


def _read(data: bytes, name: str, kind: str) -> Reply:
    rcode = rcode_of(data)
    if rcode not in (NOERROR, NXDOMAIN):
        return failed(_RCODES.get(rcode, f"RCODE {rcode}"), rcode)
    answers, authorities = struct.unpack_from("!HH", data, 6)
    if answers + authorities > RECORDS_MAX:
        raise Malformed("too many records")
    memo: _Memo = {}
    name, at = _name(data, HEADER_BYTES, memo)
    at += 4
    wanted, ttl_s = KINDS[kind], TTL_S_MAX
    aliases: dict[str, tuple[str, int]] = {}
    found: list[_Record] = []
    for record in _records(data, at, answers, memo):
        if record.type == wanted:
            found.append(record)
        elif record.type == KINDS["CNAME"]:
            aliases.setdefault(record.owner, (_whole_name(data, record, memo), record.ttl_s))
        at = record.end
    for hop in range(CHAIN_MAX + 1):
        if (alias := aliases.get(name)) is None:
            break
        if hop == CHAIN_MAX:
            return failed("too many CNAMEs")
        name, ttl_s = alias[0], min(ttl_s, alias[1])
    mine = [record for record in found if record.owner == name]
    authentic = bool(data[3] & _AUTHENTIC)
    if rcode == NXDOMAIN or not mine:
        ttl_s = min(ttl_s, _negative_ttl_s(data, at, authorities, memo))
        return Reply("nxdomain" if rcode == NXDOMAIN else "ok", (), name, ttl_s, authentic, rcode)
    reader = _READERS[kind]
    records = tuple([reader(data, record, memo) for record in mine])
    return Reply("ok", records, name, min(ttl_s, *(record.ttl_s for record in mine)), authentic, rcode)


def _records(data: bytes, at: int, count: int, memo: _Memo) -> Iterator[_Record]:
    """The records of a section; those of other classes are passed over."""
    size = len(data)
    for _ in range(count):
        owner, at = _name(data, at, memo)
        type_, class_, ttl_s, length = struct.unpack_from("!HHIH", data, at)
        begin, at = at + 10, at + 10 + length
        if at > size:
            raise Malformed("a record ends behind it")
        kind = type_ if class_ == _CLASS_IN else 0
        yield _Record(owner, kind, ttl_s if ttl_s <= TTL_S_MAX else 0, begin, at)


def _negative_ttl_s(data: bytes, at: int, count: int, memo: _Memo) -> int:
    """How long a "no" holds: by the SOA of the authority section; without one not at all (RFC 2308 §5)."""
    for record in _records(data, at, count, memo):
        if record.type == _SOA:
            if record.end - record.begin < 22:
                raise Malformed("a SOA record is too short")
            (minimum,) = struct.unpack_from("!I", data, record.end - 4)
            return min(record.ttl_s, minimum if minimum <= TTL_S_MAX else 0)
    return 0


def _name(data: bytes, at: int, memo: _Memo) -> tuple[str, int]:
    """The name that begins there, and where what follows it begins (RFC 1035 §4.1.4)."""
    if data[at] >= _POINTER:
        kept = memo.get((data[at] & 0x3F) << 8 | data[at + 1])
        if kept is not None:
            return kept, at + 2
    begin, part, after, total = at, at, 0, 1
    labels: list[bytes] = []
    for _ in range(STEPS_MAX):
        length = data[at]
        if not length:
            text = memo[begin] = _text(labels)
            return text, after or at + 1
        if length <= LABEL_BYTES_MAX:
            labels.append(data[at + 1 : at + 1 + length])
            at += 1 + length
            total += 1 + length
        elif length >= _POINTER:
            after = after or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
            if at >= part:
                raise Malformed("a pointer does not go back")
            part = at
        else:
            raise Malformed("a label of no known type")
        if total > NAME_BYTES_MAX:
            break
    raise Malformed("a name is too long")


def _text(labels: list[bytes]) -> str:
    """A name for people and for asking again: what is no letter of a name is \\DDD (RFC 4343 §2.1)."""
    joined = b".".join(labels).lower()
    if joined.translate(None, _PLAIN) or joined.count(b".") != len(labels) - 1:
        joined = b".".join(_ODD.sub(lambda odd: b"\\%03d" % odd[0][0], label) for label in labels).lower()
    return joined.decode("ascii")


# -- what records hold -------------------------------------------------------------------------------------------------


def _whole_name(data: bytes, record: _Record, memo: _Memo, skip: int = 0) -> str:
    """The name that a record holds behind `skip` bytes, and nothing else."""
    name, end = _name(data, record.begin + skip, memo)
    if end != record.end:
        raise Malformed("a name does not fill its record")
    return name


def _numbers(shape: struct.Struct, data: bytes, record: _Record) -> tuple[int, ...]:
    if record.end - record.begin < shape.size:
        raise Malformed("a record is too short")
    return shape.unpack_from(data, record.begin)


def _address(data: bytes, record: _Record, _memo: _Memo) -> str:
    """A (RFC 1035 §3.4.1)."""
    if record.end - record.begin != 4:
        raise Malformed("an address is not 4 bytes")
    return inet_ntop(AF_INET, data[record.begin : record.end])


def _address6(data: bytes, record: _Record, _memo: _Memo) -> str:
    """AAAA (RFC 3596 §2.2)."""
    if record.end - record.begin != 16:
        raise Malformed("an address is not 16 bytes")
    return inet_ntop(AF_INET6, data[record.begin : record.end])


def _strings(data: bytes, record: _Record, _memo: _Memo) -> bytes:
    """TXT: its strings, joined (RFC 1035 §3.3.14)."""
    at, parts = record.begin, []
    while at < record.end:
        begin, at = at + 1, at + 1 + data[at]
        parts.append(data[begin:at])
    if at != record.end or not parts:
        raise Malformed("a string ends behind its record")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _exchange(data: bytes, record: _Record, memo: _Memo) -> tuple[int, str]:
    """MX (RFC 1035 §3.3.9, RFC 7505)."""
    (preference,) = _numbers(_ONE, data, record)
    return preference, _whole_name(data, record, memo, 2)


def _service(data: bytes, record: _Record, memo: _Memo) -> tuple[int, int, int, str]:
    """SRV (RFC 2782)."""
    priority, weight, port = _numbers(_THREE, data, record)
    return priority, weight, port, _whole_name(data, record, memo, 6)


def _association(data: bytes, record: _Record, _memo: _Memo) -> tuple[int, int, int, bytes]:
    """TLSA (RFC 6698 §2.1)."""
    usage, selector, matching = _numbers(_THREE_BYTES, data, record)
    return usage, selector, matching, data[record.begin + 3 : record.end]


_ONE: Final = struct.Struct("!H")
_THREE: Final = struct.Struct("!HHH")
_THREE_BYTES: Final = struct.Struct("!BBB")
_READERS: Final[dict[str, Callable[[bytes, _Record, _Memo], Any]]] = {
    "A": _address,
    "AAAA": _address6,
    "CNAME": _whole_name,
    "MX": _exchange,
    "NS": _whole_name,
    "PTR": _whole_name,
    "SRV": _service,
    "TLSA": _association,
    "TXT": _strings,
}
assert _READERS.keys() == KINDS.keys()
