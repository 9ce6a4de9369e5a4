"""Maildir: a message a file, its flags in the file's name (https://cr.yp.to/proto/maildir.html), folders as
Maildir++ has them (`.Folder.Sub`) or as directories in directories.

The law: files are only read. A file that another program renames meanwhile, to change its flags, is still found.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ops.transfer.folder import Found, Token, too_large, with_crlf

FLAGS: Final = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
KEYWORDS: Final = "dovecot-keywords"  # lines of a number and a keyword; 0 is the letter a
KEYWORD_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_INFO: Final = re.compile(r"[:;!]2,([A-Za-z]*)$")  # Windows cannot have the colon; its programs have these
_KEYWORD_LINE: Final = re.compile(r"(\d{1,2}) (\S+)")


class _File(NamedTuple):
    folder: str  # cur or new
    name: str
    size: int


class Maildir:
    """A folder in a directory with cur and new."""

    def __init__(self, path: Path, mailbox: str) -> None:
        """Raises OSError."""
        self._path = path
        self.where = str(path)
        self.identity = f"maildir {path.resolve()}"
        self.mailbox = mailbox
        self._files = sorted(_listed(path), key=lambda file: _order(file.name))
        self.size = sum(file.size for file in self._files)
        self._keywords = keywords_of(path)

    def token(self, batch: Sequence[Found]) -> Token:
        """The names without flags."""
        return {"names": [found.place for found in batch]}

    def remaining(self, tokens: Iterable[Token]) -> Iterator[Found]:
        """The files no token has."""
        done = {name for token in tokens for name in token["names"]}
        return (self._read(file) for file in self._files if unique(file.name) not in done)

    def covered(self, token: Token) -> Iterator[Found]:
        """The files that the token has."""
        files = {unique(file.name): file for file in self._files}
        for name in token["names"]:
            gone = Found(str(self._path / name), name, b"", problem="It is gone; it may have been imported before.")
            yield self._read(files[name]) if name in files else gone

    def _read(self, file: _File) -> Found:
        found = Found(f"{self._path / file.folder / file.name}", unique(file.name), b"", size=file.size)
        problem = too_large(file.size)
        if problem:
            return found._replace(problem=problem)
        try:
            with self._opened(file) as handle:
                content, date_s = handle.read(), os.fstat(handle.fileno()).st_mtime
                name = os.path.basename(handle.name)  # noqa: PTH119 - may have been renamed
        except OSError as error:
            return found._replace(problem=f"It cannot be read: {error.strerror}.")
        if not content.strip():
            return found._replace(problem="It is empty.")
        flags = tuple(self._flags(name, seen_folder=file.folder == "cur"))
        return found._replace(content=with_crlf(content), date_ms=max(round(date_s * 1000), 0), flags=flags)

    def _opened(self, file: _File) -> BinaryIO:
        try:
            return (self._path / file.folder / file.name).open("rb")
        except FileNotFoundError:
            for now in _listed(self._path):
                if unique(now.name) == unique(file.name):
                    return (self._path / now.folder / now.name).open("rb")
            raise

    def _flags(self, name: str, *, seen_folder: bool) -> Iterator[str]:
        info = _INFO.search(name)
        for letter in info[1] if info and seen_folder else "":
            if letter in FLAGS:
                yield FLAGS[letter]
            elif letter in self._keywords:
                yield self._keywords[letter]


def unique(name: str) -> str:
    """A file's name without its flags, which stays the same."""
    return _INFO.sub("", name)


def is_maildir(path: Path) -> bool:
    """Whether a directory holds messages itself."""
    return (path / "cur").is_dir() and (path / "new").is_dir()


def keywords_of(path: Path) -> dict[str, str]:
    """The keywords behind the small letters."""
    try:
        text = (path / KEYWORDS).read_text("utf-8", "replace")
    except OSError:
        return {}
    found = (_KEYWORD_LINE.fullmatch(line) for line in text.splitlines())
    return {KEYWORD_LETTERS[int(line[1])]: line[2] for line in found if line and int(line[1]) < len(KEYWORD_LETTERS)}


def _listed(path: Path) -> Iterator[_File]:
    for folder in ("new", "cur"):
        with os.scandir(path / folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_file():
                    yield _File(folder, entry.name, entry.stat().st_size)


def _order(name: str) -> tuple[int, str]:
    """By the time a name begins with, as programs give them."""
    digits = re.match(r"\d{1,12}", name)
    return int(digits[0]) if digits else 0, name
