"""Briefs: what SORT (RFC 5256, RFC 5957) and THREAD need of each message, the dates that SEARCH SENT… compares, and
whether anything is attached (RFC 8621 4.1.4), as columns.

The law: a brief depends on its record alone, so one made of a record and one that was stored are equal. Texts are
folded UTF-8 and compared by their octets. Ids are hashes of 64 bits: among a million there is one wrong pair in 30
million mailboxes, and whoever makes one on purpose could as well have named the other's id.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from cluster.errors import Corrupt
from mail.jmap.email.bodies import has_attachment
from mail.message import sorting
from mail.message.record import Record
from mail.message.thread import KEY_BYTES, is_reply, parents_of

Array = npt.NDArray[Any]

UNKNOWN: Final = -(2**63)  # `sent_s` of a message without a valid date
TEXTS: Final = ("subject", "from_", "to", "cc", "from_shown", "to_shown")  # columns of texts, in order
TEXT_BYTES_MAX: Final = 1000  # of one: what is behind is not compared
_END: Final = b"\xff"  # no UTF-8 has it
_NUMBERS: Final = ("<i8", "<i2", "?", "?", "<u8")  # sent_s, zone_min, replies, attached, ids
_VERSION: Final = 2


class Brief(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message. Texts are those of mail.message.sorting: the base subject, the first address's mailbox, its display
    form. `parents`: References, else In-Reply-To, hashed; no id is 0."""

    sent_s: int
    zone_min: int
    reply: bool
    attached: bool
    id: int
    parents: tuple[int, ...]
    subject: bytes
    from_: bytes
    to: bytes
    cc: bytes
    from_shown: bytes
    to_shown: bytes


def brief_of(record: Record) -> Brief:
    """The brief of a message."""
    return Brief(
        UNKNOWN if record.sent_s is None else record.sent_s,
        record.sent_zone_min,
        is_reply(record.subject or ""),
        has_attachment(record.root),
        id_of(record.message_id) if record.message_id else 0,
        tuple([id_of(one) for one in parents_of(record)]),
        _text(sorting.subject(record)),
        _text(sorting.mailbox_from(record)),
        _text(sorting.mailbox_to(record)),
        _text(sorting.mailbox_cc(record)),
        _text(sorting.display_from(record)),
        _text(sorting.display_to(record)),
    )


def id_of(message_id: str) -> int:
    """The hash of a message id; never 0."""
    return int.from_bytes(blake2b(message_id.encode(), digest_size=KEY_BYTES).digest(), "big") or 1


def _text(folded: str) -> bytes:
    data = folded.encode()
    return data if len(data) <= TEXT_BYTES_MAX else data[:TEXT_BYTES_MAX].decode(errors="ignore").encode()


class Texts(NamedTuple):
    """A column of texts: `words[codes[row]]`. No word is there twice; some may be in no row."""

    codes: Array
    words: list[bytes]

    def used(self) -> "Texts":
        """The same with the words that are in any row."""
        used = np.flatnonzero(np.bincount(self.codes, minlength=len(self.words)))
        code = np.empty(len(self.words), np.int32)
        code[used] = np.arange(len(used), dtype=np.int32)
        return Texts(code[self.codes], [self.words[at] for at in used.tolist()])

    def rows(self) -> list[str]:
        """The text of each row."""
        words = [word.decode() for word in self.words]
        return [words[code] for code in self.codes.tolist()]

    def ranks(self) -> Array:
        """A number for each row that compares as its text does."""
        text = self.used() if len(self.words) > 2 * len(self.codes) else self
        order = sorted(range(len(text.words)), key=text.words.__getitem__)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        ranks: Array = rank[text.codes]
        return ranks


class Columns(NamedTuple):
    """Briefs of many messages. The parents of row n are `parents[starts[n] : starts[n + 1]]`."""

    sent_s: Array  # int64, UNKNOWN where there is no date
    zone_min: Array  # int16
    replies: Array  # bool
    attached: Array  # bool
    ids: Array  # uint64
    starts: Array  # int64, one more than rows
    parents: Array  # uint64
    subject: Texts
    from_: Texts
    to: Texts
    cc: Texts
    from_shown: Texts
    to_shown: Texts

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def numbers(self) -> tuple[Array, ...]:
        """The columns of one number a row."""
        return self.sent_s, self.zone_min, self.replies, self.attached, self.ids

    @property
    def texts(self) -> tuple[Texts, ...]:
        """The columns of texts."""
        return self.subject, self.from_, self.to, self.cc, self.from_shown, self.to_shown

    def take(self, rows: Array) -> "Columns":
        """Some rows, in the order given."""
        if len(rows) == len(self) and bool((np.diff(rows) == 1).all()):
            return self
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate(([0], np.cumsum(sizes)))
        at = np.repeat(self.starts[:-1][rows] - starts[:-1], sizes) + np.arange(starts[-1])
        numbers = [column[rows] for column in self.numbers]
        return _columns(numbers, starts, self.parents[at], [Texts(text.codes[rows], text.words) for text in self.texts])

    def parents_of(self) -> list[list[int]]:
        """The parents of each row, the nearest last."""
        parents = self.parents.tolist()
        return [parents[begin:end] for begin, end in pairwise(self.starts.tolist())]

    @property
    def weight(self) -> int:
        """About how many bytes of memory it has."""
        words = sum(len(text.words) * 48 + sum(map(len, text.words)) for text in self.texts)
        return len(self) * (28 + 4 * len(self.texts)) + 8 * len(self.parents) + words


def _columns(numbers: Sequence[Array], starts: Array, parents: Array, texts: Sequence[Texts]) -> Columns:
    sent_s, zone_min, replies, attached, ids = numbers
    return Columns(sent_s, zone_min, replies, attached, ids, starts, parents, *texts)


def columns_of(briefs: Sequence[Brief]) -> Columns:
    """Briefs as columns, in their order."""
    sizes = [len(brief.parents) for brief in briefs]
    return Columns(
        np.array([brief.sent_s for brief in briefs], np.int64),
        np.array([brief.zone_min for brief in briefs], np.int16),
        np.array([brief.reply for brief in briefs], bool),
        np.array([brief.attached for brief in briefs], bool),
        np.array([brief.id for brief in briefs], np.uint64),
        np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
        np.array([one for brief in briefs for one in brief.parents], np.uint64),
        *[_texts([getattr(brief, name) for brief in briefs]) for name in TEXTS],
    )


def _texts(values: Sequence[bytes]) -> Texts:
    words = list(dict.fromkeys(values))
    code = {word: number for number, word in enumerate(words)}
    return Texts(np.array([code[value] for value in values], np.int32), words)


def joined(parts: Sequence[Columns]) -> Columns:
    """All rows of some columns, one after another."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return columns_of(())
    shifts = np.cumsum([0, *[len(part.parents) for part in parts[:-1]]])
    starts = [part.starts[:-1] + shift for part, shift in zip(parts, shifts.tolist(), strict=True)]
    numbers = [np.concatenate(columns) for columns in zip(*[part.numbers for part in parts], strict=True)]
    parents = np.concatenate([part.parents for part in parts])
    ends = np.array([len(parents)], np.int64)
    texts = [_joined_texts(columns) for columns in zip(*[part.texts for part in parts], strict=True)]
    return _columns(numbers, np.concatenate([*starts, ends]), parents, texts)


def _joined_texts(parts: Sequence[Texts]) -> Texts:
    words = list(dict.fromkeys([word for part in parts for word in part.words]))
    code = {word: number for number, word in enumerate(words)}
    codes = [np.array([code[word] for word in part.words], np.int32)[part.codes] for part in parts if len(part.codes)]
    return Texts(np.concatenate(codes) if codes else np.empty(0, np.int32), words)


def encode(columns: Columns) -> bytes:
    """As stored, before packing."""
    parts = [column.astype(kind).tobytes() for column, kind in zip(columns.numbers, _NUMBERS, strict=True)]
    parts += [np.diff(columns.starts).astype("<u2").tobytes(), columns.parents.astype("<u8").tobytes()]
    for text in [text.used() for text in columns.texts]:
        parts += [text.codes.astype("<u4").tobytes(), b"".join([word + _END for word in text.words])]
    return bytes((_VERSION,)) + msgspec.msgpack.encode(parts)


def decode(data: bytes) -> Columns:
    """The inverse. Raises Corrupt."""
    try:
        if data[:1] != bytes((_VERSION,)):
            raise ValueError(f"version {data[:1]!r}")  # noqa: TRY301 - one way out
        parts = msgspec.msgpack.decode(data[1:], type=list[bytes])
        numbers = [np.frombuffer(part, kind) for part, kind in zip(parts[:5], _NUMBERS, strict=True)]
        starts = np.concatenate(([0], np.cumsum(np.frombuffer(parts[5], "<u2"), dtype=np.int64)))
        texts = [
            Texts(np.frombuffer(codes, "<u4").astype(np.int32), words.split(_END)[:-1])
            for codes, words in zip(parts[7::2], parts[8::2], strict=True)
        ]
        found = _columns(numbers, starts, np.frombuffer(parts[6], "<u8"), texts)
        _check(found)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise Corrupt("A search index is damaged.", log=f"briefs: {error}") from error
    return found


def _check(columns: Columns) -> None:
    rows = len(columns)
    if any(len(column) != rows for column in columns.numbers) or len(columns.starts) != rows + 1:
        raise ValueError("columns of unlike length")
    if columns.starts[-1] != len(columns.parents):
        raise ValueError("parents are missing")
    for text in columns.texts:
        if len(text.codes) != rows or (rows and int(text.codes.max()) >= len(text.words)):
            raise ValueError("words are missing")
