"""Reading replies (RFC 5321 4.2): bytes as they come to whole replies, lines joined.

The law: nothing a server sends raises; what is no reply, or longer than a bound, is `garbled`, once and for all. What
is kept of its words is printable. Whole equals byte by byte.
"""

import re
from typing import Final

from mail.smtp.replies import Reply

LINE_BYTES_MAX: Final = 2048  # RFC 5321 4.5.3.1.5 has 512; some tell stories
LINES_MAX: Final = 200  # an answer to EHLO has 20, the longest policy texts 30
REPLY_BYTES_MAX: Final = 32 * 1024

# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF; a lone LF is forgiven
_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?\r?\n")
# status-code = class "." subject "." detail (RFC 3463 2), in front of the text (RFC 2034 4)
_STATUS: Final = re.compile(rb"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)")


class ReplyReader:
    """What came of replies and is not yet read. `add` bytes, then `next` until None."""

    __slots__ = ("_at", "_data", "_lines", "_size", "garbled")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._lines: list[bytes] = []  # of a reply that has not come whole
        self._size = 0
        self.garbled = ""
        """Why no more replies can be read; empty while they can."""

    def add(self, data: bytes) -> None:
        """More from the server."""
        if self.garbled:
            return
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def clear(self) -> None:
        """Forget all that came: what a server says in the clear counts no more under TLS (RFC 3207 4.2)."""
        self.__init__()  # type: ignore[misc]

    @property
    def waiting_bytes(self) -> int:
        """How much is kept."""
        return len(self._data) - self._at + self._size

    def next(self) -> Reply | None:
        """The next whole reply; None when there is none yet, or never will be."""
        while not self.garbled:
            found = _LINE.match(self._data, self._at)
            if found is None:
                self._unfinished()
                return None
            code, mark, text = found.groups(b"")
            self._at = found.end()
            if not self._fits(found.end() - found.start(), code):
                return None
            if mark == b"-":
                self._lines.append(found[0])
            elif not self._lines:
                return _reply(code, (text,))
            else:
                texts = [line[4:].rstrip(b"\r\n") for line in self._lines]
                self._lines.clear()
                self._size = 0
                return _reply(code, (*texts, text))
        return None

    def _fits(self, size: int, code: bytes) -> bool:
        """Whether the line may be of the reply that has begun."""
        if size > LINE_BYTES_MAX:
            return self._give_up("a reply with a line too long")
        if not self._lines:
            self._size = size
            return True
        self._size += size
        if len(self._lines) >= LINES_MAX or self._size > REPLY_BYTES_MAX:
            return self._give_up("a reply too long")
        if not self._lines[0].startswith(code):
            return self._give_up("a reply of two codes")
        return True

    def _unfinished(self) -> None:
        """No whole line: is what is there the beginning of one?"""
        rest = len(self._data) - self._at
        if not rest:
            return
        if rest > LINE_BYTES_MAX:
            self._give_up("a reply with a line too long")
        elif self._data.find(b"\n", self._at) >= 0 or not _BEGIN.match(self._data, self._at):
            self._give_up("something that is no reply")

    def _give_up(self, why: str) -> bool:
        self.garbled = why
        self._data = b""
        self._at = 0
        self._lines.clear()
        self._size = 0
        return False


# What may still become a line.
_BEGIN: Final = re.compile(rb"[2-5](?:[0-9](?:[0-9](?:[ -][^\r\n]*)?)?)?\r?\Z")


def _reply(code: bytes, texts: tuple[bytes, ...]) -> Reply:
    found = _STATUS.match(texts[-1]) or _STATUS.match(texts[0])
    status = found[0] if found is not None and found[1] == code[:1] else b""
    if status:
        skip = len(status)
        texts = tuple([text[skip:].lstrip() if text.startswith(status) else text for text in texts])
    return Reply(int(code), status.decode(), "\n".join([printable(text) for text in texts]))


def printable(text: bytes) -> str:
    """A server's words as text; what cannot be printed becomes `?`."""
    words = text.decode("utf-8", "replace")
    if words.isprintable():
        return words
    return "".join([char if char.isprintable() else " " if char == "\t" else "?" for char in words])
