r"""mbox files: messages one after another, each behind a line that begins with `From ` (RFC 4155).

The law: the file is read in pieces and never held as a whole. Where a message says its length (`Content-Length`,
the mboxcl2 form) and the length fits, it is taken as it is; otherwise `>From ` loses one `>` (the mboxrd and mboxo
forms). What mail programs keep for themselves in the header (Status and the like) becomes flags and goes.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from cluster.errors import Misconfigured
from mail.message.date import parse_date
from mail.message.header import header_end, unfold, values
from ops.transfer.folder import Found, Token, too_large, with_crlf

PIECE_BYTES: Final = 1024 * 1024  # read at once while looking for the next message
FROM_LINE_BYTES_MAX: Final = 1024  # the pattern of a From_ line takes no more
HEADER_BYTES_MAX: Final = 256 * 1024  # where Content-Length is looked for
MARK_BYTES: Final = 4096  # before a position, to see whether the file is still the same

# RFC 4155 appendix A: an address, then a date with a time and a year; zones and dialects vary.
_FROM_LINE: Final = re.compile(rb"From [^\n]{0,400}?\d{1,2}:\d\d[^\n]{0,60}?\d{4}[^\n]{0,400}\n")
_FROM_DATE: Final = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\r\n]*")
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?\n", re.MULTILINE | re.IGNORECASE)
_KEPT_BY_PROGRAMS: Final = re.compile(
    rb"^(?:status|x-status|x-keywords|x-uid|x-imap|x-imapbase|x-mozilla-status2?|x-mozilla-keys|content-length)"
    rb":[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
_INTERNAL: Final = re.compile(rb"^subject:[ \t]*DON'T DELETE THIS MESSAGE", re.MULTILINE | re.IGNORECASE)
_INTERNAL_BYTES: Final = 2048  # where such a message says what it is
_BLANK: Final = re.compile(rb"[\r\n]*")
_STATUS: Final = {ord("R"): "\\Seen"}
_X_STATUS: Final = {ord("A"): "\\Answered", ord("F"): "\\Flagged", ord("D"): "\\Deleted", ord("T"): "\\Draft"}
_MOZILLA: Final = ((0x1, "\\Seen"), (0x2, "\\Answered"), (0x4, "\\Flagged"), (0x8, "\\Deleted"), (0x1000, "$Forwarded"))


class Mbox:
    """A folder in one file."""

    def __init__(self, path: Path, mailbox: str) -> None:
        """Raises OSError."""
        self._path = path
        self.where = str(path)
        self.identity = f"mbox {path.resolve()}"
        self.mailbox = mailbox
        self.size = path.stat().st_size

    def token(self, batch: Sequence[Found]) -> Token:
        """From where to where, and what stands before the end."""
        begin, end = batch[0].place[0], batch[-1].place[1]
        with self._path.open("rb") as file:
            return {"from": begin, "to": end, "mark": _mark(file, end)}

    def remaining(self, tokens: Iterable[Token]) -> Iterator[Found]:
        """The messages behind the last token."""
        last = max(tokens, key=lambda token: int(token["to"]), default=None)
        with self._path.open("rb") as file:
            if last is not None:
                self._check(file, last)
            yield from self._messages(file, last["to"] if last else 0, None)

    def covered(self, token: Token) -> Iterator[Found]:
        """The messages between the token's ends."""
        with self._path.open("rb") as file:
            self._check(file, token)
            yield from self._messages(file, token["from"], token["to"])

    def _check(self, file: BinaryIO, token: Token) -> None:
        if _mark(file, token["to"]) != token["mark"]:
            raise Misconfigured(
                f"{self._path} has changed since its import was interrupted: "
                "import it into another mailbox, or from its start (--from-start)."
            )

    def _messages(self, file: BinaryIO, start: int, stop: int | None) -> Iterator[Found]:
        pieces = _Pieces(file)
        start = _separator(pieces, start)
        while start < (pieces.size if stop is None else stop):
            end, exact = _end(pieces, start)
            problem = too_large(end - start)
            raw = b"" if problem else os.pread(file.fileno(), end - start, start)
            found = Found(f"{self._path}, at byte {start}", (start, end), b"", size=end - start, problem=problem)
            if not _is_internal(raw):
                yield found if problem else _read(found, raw, exact=exact)
            start = end


class _Pieces:
    """A file seen through one piece of it at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size  # what is appended from now on is the next import's
        self.start = 0
        self.piece = b""

    @property
    def end(self) -> int:
        """Where the piece ends in the file."""
        return self.start + len(self.piece)

    def at(self, position: int, size: int) -> int:
        """Where `position` is in the piece, which then has `size` bytes behind it, or all that there are."""
        if not (self.start <= position and min(position + size, self.size) <= self.end):
            wanted = min(max(size, PIECE_BYTES), self.size - position)
            self.start, self.piece = position, os.pread(self._file.fileno(), wanted, position)
            if len(self.piece) < wanted:
                raise Misconfigured(f"{self._file.name} has become shorter while it was read; try again.")
        return position - self.start


def _mark(file: BinaryIO, position: int) -> str:
    begin = max(0, position - MARK_BYTES)
    return hashlib.blake2b(os.pread(file.fileno(), position - begin, begin), digest_size=16).hexdigest()


def _separator(pieces: _Pieces, start: int) -> int:
    """The offset of the first From_ line at or after `start`, which begins a line; or the file's end."""
    position, fresh = start, True  # fresh: a line begins there
    while position < pieces.size:  # ends: each turn begins further on
        at = pieces.at(position, FROM_LINE_BYTES_MAX)
        line = at if fresh else pieces.piece.find(b"\n", at) + 1
        found = _from_line(pieces.piece, line) if fresh or line else None
        if found is not None:
            return pieces.start + found
        if pieces.end == pieces.size:
            break
        cut = pieces.piece.rfind(b"\n", at) + 1  # begins the line that the piece cuts, if it is not as long itself
        fresh = cut > 0
        position = pieces.start + cut if fresh else pieces.end
    return pieces.size


def _from_line(piece: bytes, line: int) -> int | None:
    while True:  # ends: `line` grows
        if _FROM_LINE.match(piece, line):
            return line
        line = piece.find(b"\nFrom ", line) + 1
        if not line:
            return None


def _end(pieces: _Pieces, start: int) -> tuple[int, bool]:
    """Where the message that begins at `start` ends, and whether its Content-Length says so."""
    at = pieces.at(start, HEADER_BYTES_MAX)
    piece = pieces.piece
    line = piece.find(b"\n", at) + 1 or len(piece)
    body = header_end(piece, line, len(piece))
    stated = _LENGTH.search(piece, line, body)
    if stated is not None and b"\nFrom " not in piece[line - 1 : stated.start()]:  # it is this message's
        end = pieces.start + body + int(stated[1])
        after = pieces.at(end, FROM_LINE_BYTES_MAX) if end < pieces.size else 0
        blank = _BLANK.match(pieces.piece, after) if end < pieces.size else None
        if end == pieces.size or (blank and pieces.start + blank.end() == pieces.size):
            return pieces.size, True
        if blank and blank[0] and _FROM_LINE.match(pieces.piece, blank.end()):
            return pieces.start + blank.end(), True
    return _separator(pieces, start + line - at), False


def _is_internal(raw: bytes) -> bool:
    """Whether it is what UW-IMAP and others keep for themselves as a first message."""
    return b"\nX-IMAP" in raw[:_INTERNAL_BYTES] and _INTERNAL.search(raw, 0, _INTERNAL_BYTES) is not None


def _read(found: Found, raw: bytes, *, exact: bool) -> Found:
    line, _, content = raw.partition(b"\n")
    if content.endswith(b"\n\n"):
        content = content[:-1]
    elif content.endswith(b"\n\r\n"):
        content = content[:-2]
    if not exact:
        content = _QUOTED.sub(rb"\1", content)
    content = with_crlf(content)
    body = header_end(content, 0, len(content))
    header = content[:body]
    kept = _KEPT_BY_PROGRAMS.sub(b"", header) + content[body:]
    if not kept.strip():
        return found._replace(problem="It is empty.")
    return found._replace(
        content=kept,
        date_ms=_date_ms(line, header),
        flags=tuple(dict.fromkeys(_flags(header))),
    )


def _date_ms(line: bytes, header: bytes) -> int:
    """When it came: the From_ line's date (in UTC unless it says), or else what its writer says."""
    found = _FROM_DATE.search(line)
    date = parse_date(found[0]) if found else None
    for value in values(header, b"date")[:1] if date is None else ():
        date = parse_date(value)
    return max(date.epoch_s, 0) * 1000 if date is not None else 0


def _flags(header: bytes) -> Iterator[str]:
    """Status and X-Status as in UNIX mail programs, X-Keywords as in Dovecot, X-Mozilla-Status as in Thunderbird."""
    for name, letters in ((b"status", _STATUS), (b"x-status", _X_STATUS)):
        for value in values(header, name):
            yield from (letters[letter] for letter in unfold(value) if letter in letters)
    for name in (b"x-keywords", b"x-mozilla-keys"):
        for value in values(header, name):
            yield from unfold(value).decode("ascii", "replace").split()
    for value in values(header, b"x-mozilla-status"):
        digits = unfold(value)
        word = int(digits, 16) if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits) else 0
        yield from (flag for bit, flag in _MOZILLA if word & bit)
