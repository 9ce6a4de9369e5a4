"""What a server says that a search found, octet for octet: SEARCH and SORT with MODSEQ, ESEARCH, THREAD, UIDBATCHES.

The law: one function, one line with its CRLF. Sets come rendered (`seqset.build`, `seqset.build_in_order`), as only who
has the numbers knows how to walk them fast; nothing here recurs, however deep a thread is.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from mail.imap.render import mailbox, quoted
from mail.imap.seqset import PartialRange
from mail.message.threading import CLOSE, OPEN


class UpdateKind(Enum):
    """RFC 5267 4.3.3, 4.3.4."""

    ADD = b"ADDTO"
    REMOVE = b"REMOVEFROM"


class Update(NamedTuple):
    """A change of what a context holds: a set at each position, which is 0 where the order is the mailbox's."""

    kind: UpdateKind
    places: Sequence[tuple[int, bytes]]


class Searched(NamedTuple):
    """The mailbox an answer of ESEARCH is about (RFC 7377 2.1)."""

    mailbox: str
    uid_validity: int


def esearch_line(
    tag: bytes | None,
    *,
    uid: bool,
    searched: Searched | None = None,
    least: int | None = None,
    most: int | None = None,
    count: int | None = None,
    found: bytes = b"",
    partial: tuple[PartialRange, bytes] | None = None,
    mod_sequence: int | None = None,
    relevancy: Sequence[int] | None = None,
    updates: Iterable[Update] = (),
    utf8: bool = False,
) -> bytes:
    """ESEARCH (RFC 4466 2.6.2, RFC 4731 3): what is None was not asked for, or there is none.

    `least`, `most`, `found`: MIN, MAX and ALL, which are not said if nothing was found. `partial` has the range as it
    was asked for, and b"" if no result is in it. `relevancy` are the scores of `found` in its order (RFC 6203 4);
    without any there are none.
    """
    data = [_correlator(tag, searched, utf8=utf8)] if tag is not None or searched is not None else []
    if uid:
        data.append(b"UID")
    numbers = ((b"MIN", least), (b"MAX", most), (b"COUNT", count))
    data += [b"%b %d" % (name, value) for name, value in numbers if value is not None]
    if found:
        data.append(b"ALL " + found)
    if partial is not None:
        data.append(b"PARTIAL (%b %b)" % (bytes(partial[0]), partial[1] or b"NIL"))
    if mod_sequence is not None:
        data.append(b"MODSEQ %d" % mod_sequence)
    if relevancy:
        data.append(b"RELEVANCY (%b)" % b" ".join(b"%d" % score for score in relevancy))
    data += map(_update, updates)
    return b"* ESEARCH %b\r\n" % b" ".join(data) if data else b"* ESEARCH\r\n"


def thread_line(threads: Iterable[int]) -> bytes:
    """THREAD (RFC 5256 4): message numbers with OPEN and CLOSE between them, as `threading.nested` orders them."""
    parts: list[str] = []
    after_number = False
    for one in threads:
        if one == CLOSE:
            parts.append(")")
        elif one == OPEN:
            parts.append(" (" if after_number else "(")
        else:
            parts.append(f" {one}" if after_number else str(one))
        after_number = one >= 0
    return b"* THREAD %b\r\n" % "".join(parts).encode("ascii") if parts else b"* THREAD\r\n"


def uid_batches_line(tag: bytes, batches: Iterable[tuple[int, int]]) -> bytes:
    """UIDBATCHES (RFC 10022): of each batch the highest and the lowest UID, the newest batch first."""
    ranges = b",".join(b"%d:%d" % (max(pair), min(pair)) for pair in batches)
    return b"* UIDBATCHES (TAG %b)%b\r\n" % (quoted(tag), b" " + ranges if ranges else b"")


def _correlator(tag: bytes | None, searched: Searched | None, *, utf8: bool) -> bytes:
    """ "(" one-correlator *(SP one-correlator) ")" (RFC 7377 4)"""
    parts = [b"TAG " + quoted(tag)] if tag is not None else []
    if searched is not None:
        parts += [b"MAILBOX " + mailbox(searched.mailbox, utf8=utf8), b"UIDVALIDITY %d" % searched.uid_validity]
    return b"(%b)" % b" ".join(parts)


def _update(update: Update) -> bytes:
    return b"%b (%b)" % (update.kind.value, b" ".join(b"%d %b" % place for place in update.places))
