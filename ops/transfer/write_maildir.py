"""Maildir++ out: `.Folder.Sub` directories, a file a message, named so that a second export adds what is new.

The law: a file is written under tmp and renamed; one that is there is renamed where its flags have changed, and never
removed.
"""

import os
import re
from pathlib import Path
from typing import Final

from actors.mailbox.types import INBOX, SEPARATOR
from mail.imap import utf7
from ops.transfer.find import DOT
from ops.transfer.maildir import FLAGS, KEYWORD_LETTERS, KEYWORDS, keywords_of, unique
from wire import admin_pb2 as pb

_NAME: Final = re.compile(r"\d+\.V(\d+)U(\d+)\.rookery,S=(\d+)(?::2,[A-Za-z]*)?")
_LETTERS: Final = {flag: letter for letter, flag in FLAGS.items()}


class MaildirWriter:
    """One mailbox."""

    def __init__(self, directory: Path, name: str) -> None:
        """`directory`: the export's, which is the Maildir of INBOX. Raises OSError."""
        self._path = directory if name == INBOX else directory / folder_name(name)
        for part in ("tmp", "new", "cur"):
            (self._path / part).mkdir(parents=True, exist_ok=True)
        if self._path != directory:
            (self._path / "maildirfolder").touch()  # Maildir++: marks a folder, as opposed to somebody's Maildir
        self._there: dict[tuple[int, int], str] = {}  # (UIDVALIDITY, UID) -> file name
        self._letters = {keyword.lower(): letter for letter, keyword in keywords_of(self._path).items()}
        self._keywords = dict(keywords_of(self._path))
        self.lost: set[str] = set()  # keywords beyond the letters there are

    def have(self, uidvalidity: int) -> list[tuple[int, int]]:
        """What an earlier export wrote whole."""
        with os.scandir(self._path / "cur") as entries:
            for entry in entries:
                named = _NAME.fullmatch(entry.name)
                if named and entry.stat().st_size == int(named[3]):
                    self._there[int(named[1]), int(named[2])] = entry.name
        uids = sorted(uid for validity, uid in self._there if validity == uidvalidity)
        return _ranges(uids)

    def write(self, message: pb.ExportedMessage) -> None:
        """Write under tmp and rename, or rename what is there."""
        there = self._there.get((message.uidvalidity, message.uid))
        if not message.HasField("content"):
            assert there is not None, "only what `have` told comes without content"
            self._rename(there, f"{unique(there)}:2,{self._info(message)}")
            return
        content = message.content.replace(b"\r\n", b"\n")  # Maildir has the system's line ends
        base = f"{message.date_ms // 1000}.V{message.uidvalidity}U{message.uid}.rookery,S={len(content)}"
        temporary = self._path / "tmp" / base
        temporary.write_bytes(content)
        os.utime(temporary, (message.date_ms / 1000, message.date_ms / 1000))
        temporary.rename(self._path / "cur" / f"{base}:2,{self._info(message)}")

    def finish(self) -> None:
        """Write the keywords behind the letters."""
        lines = [f"{KEYWORD_LETTERS.index(letter)} {keyword}\n" for letter, keyword in self._keywords.items()]
        if lines:
            temporary = self._path / "tmp" / KEYWORDS
            temporary.write_text("".join(sorted(lines, key=lambda line: int(line.split()[0]))))
            temporary.rename(self._path / KEYWORDS)

    def abandon(self) -> None:
        """The letters that files were given must keep their meaning."""
        self.finish()

    def _rename(self, there: str, name: str) -> None:
        if there != name:
            (self._path / "cur" / there).rename(self._path / "cur" / name)

    def _info(self, message: pb.ExportedMessage) -> str:
        letters = (_LETTERS.get(flag) or self._letter(flag) for flag in message.flags)
        return "".join(sorted(letters))  # in ASCII order, as the format wants

    def _letter(self, keyword: str) -> str:
        letter = self._letters.get(keyword.lower())
        if letter is None:
            free = next((letter for letter in KEYWORD_LETTERS if letter not in self._keywords), "")
            if not free:
                self.lost.add(keyword)
                return ""
            self._keywords[free] = keyword
            self._letters[keyword.lower()] = letter = free
        return letter


def folder_name(name: str) -> str:
    """A mailbox's directory: its levels in modified UTF-7, each behind a dot."""
    return "".join(f".{DOT.join(_encoded(part) for part in level.split('.'))}" for level in name.split(SEPARATOR))


def _encoded(part: str) -> str:
    return utf7.encode(part).decode("ascii")


def _ranges(uids: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], uid)
        else:
            ranges.append((uid, uid))
    return ranges
