"""Messages of all sorts, and indexes of them without a store."""

import base64
import random
import string
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from actors.search.build import Built, build
from actors.search.entry import Entry, entry_of
from actors.search.index import AccountIndex, Part
from actors.search.merge import Source, merge
from actors.search.pace import Pace
from actors.search.pages import MemoryPages
from actors.search.recent import Recent
from actors.search.segment import Segment, Writer
from cluster.clock import ManualClock
from mail.message import content
from mail.message.address import Group, parse_addresses
from mail.message.charset import fold
from mail.message.header import values
from mail.message.record import Address, Record, read_message
from mail.message.words import decode_words

WORDS = (Path(__file__).with_name("words.txt").read_text("utf-8") + "\u00a0 \u200b").split(" ")


def text(dice: random.Random, words: int) -> str:
    """So many words, and what is between them."""
    chosen = [dice.choice(WORDS) if dice.random() < 0.9 else noise(dice) for _ in range(words)]
    return "".join([word + dice.choice((" ", " ", " ", "\r\n", ", ", ".", "", "  ")) for word in chosen])


def noise(dice: random.Random) -> str:
    """A code, as machines make them."""
    letters = string.ascii_letters + string.digits
    return "".join(dice.choices(letters, k=dice.choice((3, 9, 12, 25, 70, 200))))


def message(dice: random.Random) -> bytes:
    """Some message: plain, in parts, encoded or broken."""
    raw = _header(dice)
    kind = dice.randrange(6)
    body = text(dice, dice.choice((0, 1, 5, 40)))
    if kind == 0:
        return raw + b"\r\n" + body.encode("ascii", "replace")
    if kind == 1:
        return raw + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body.encode()
    if kind == 2:
        packed = base64.encodebytes(body.encode())
        return raw + b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed
    if kind == 3:
        return raw + b"Content-Type: text/plain\r\n\r\n" + body.encode("cp1252", "replace")
    if kind == 4:
        inner = message(dice)
        return raw + b"Content-Type: message/rfc822\r\n\r\n" + inner
    parts = b"".join(b"\r\n--b1\r\n" + _part(dice) for _ in range(dice.randrange(4)))
    return raw + b"Content-Type: multipart/mixed; boundary=b1\r\n" + parts + b"\r\n--b1--\r\n"


def _part(dice: random.Random) -> bytes:
    kind = dice.choice((b"text/plain; charset=utf-8", b"text/html", b"application/pdf; name=secret.pdf"))
    return b"Content-Type: " + kind + b"\r\n\r\n" + text(dice, 5).encode()


def _header(dice: random.Random) -> bytes:
    fields = [f"Message-ID: <{noise(dice)}@example.org>", f"Subject: {_value(dice)}", f"X-Other: {_value(dice)}"]
    fields += [f"{name}: {_people(dice)}" for name in ("From", "To", "Cc", "Bcc") if dice.random() < 0.7]
    if dice.random() < 0.3:
        fields.append("X-Folded: one\r\n\ttwo " + noise(dice) + "\r\n  three")
    dice.shuffle(fields)
    return "\r\n".join([*fields, ""]).encode(dice.choice(("utf-8", "utf-8", "cp1252")), "replace")


def _value(dice: random.Random) -> str:
    value = " ".join(dice.choices([word for word in WORDS if word.strip()], k=3))
    kind = dice.randrange(4)
    if kind == 0:
        packed = base64.b64encode(value.encode()).decode()
        return f"=?utf-8?B?{packed}?= =?utf-8?Q?_=C3=A9t=C3=A9?="
    return value if kind < 3 else "Re: [list] " + value


def _people(dice: random.Random) -> str:
    people = [
        f"{dice.choice(WORDS)} <{noise(dice)[:8]}.{dice.choice(('smith', 'müller'))}@example.org>" for _ in range(2)
    ]
    return dice.choice((", ".join(people), "group: " + people[0] + ";", "alone@example.org"))


@lru_cache(maxsize=1000)
def _texts(raw: bytes) -> dict[str, list[str]]:
    """What SEARCH compares, by the field it is asked of (RFC 3501 6.4.4)."""
    record = read_message(raw)
    found = {field: list(map(fold, addresses(raw, record, field))) for field in ("from", "to", "cc", "bcc")}
    found["text"] = [content.search_text(raw, record)]
    found["body"] = [content.body_text(raw, record)]
    found["subject"] = [] if record.subject is None else [fold(record.subject)]
    return found


def addresses(raw: bytes, record: Record, field: str) -> list[str]:
    """The addresses of a field as people read them, and the names of its groups."""
    members: dict[str, tuple[Address, ...]] = {
        "from": record.from_,
        "to": record.to,
        "cc": record.cc,
        "bcc": record.bcc,
    }
    parsed = [one for value in values(raw[: record.root.body], field.encode()) for one in parse_addresses(value)]
    groups = [decode_words(one.name) for one in parsed if isinstance(one, Group)]
    return [*(f"{name} <{address}>" if name else address for name, address in members[field]), *groups]


def exact(field: str, needle: str, raws: list[bytes]) -> set[int]:
    """The emails whose message has a text, by reading them."""
    folded = fold(needle)
    return {email for email, raw in enumerate(raws, start=1) if any(folded in text for text in _texts(raw)[field])}


def entries_of(raws: Sequence[bytes], first: int = 1, step: int = 1) -> list[Entry]:
    """Entries with ascending emails."""
    return [entry_of(first + step * at, raw, read_message(raw)) for at, raw in enumerate(raws)]


def opened(built: Built) -> tuple[Segment, MemoryPages]:
    """A segment that was just made."""
    rows = dict(built.writer.rows)
    return Segment(b"".join(rows[b"H", number] for number in range(built.pieces))), MemoryPages(rows)


async def nothing(_writer: Writer) -> None:
    """Takes no rows away."""


async def here(work):  # type: ignore[no-untyped-def]
    """Runs work at once."""
    return work()


def part_of(entries: Sequence[Entry]) -> Part:
    """A segment of entries."""
    return Part(entries[0].email, *opened(build(entries)))


async def merged(parts: Sequence[Part], gone: Sequence[int] = ()) -> Part:
    """One segment of several."""
    sources = [Source(part.segment, part.pages, ~np.isin(part.segment.emails, gone)) for part in parts]
    built = await merge(sources, nothing, here)
    assert built is not None
    return Part(parts[0].id, *opened(built))


def index_of(parts: Sequence[Part], recent: Sequence[Entry] = ()) -> AccountIndex:
    """An index of segments and entries."""
    return AccountIndex(lambda: Pace(ManualClock()), 10**9, parts, Recent(recent))
