"""mbox out, in the mboxrd form: lines that begin with `From `, after any number of `>`, get one more `>`.

The law: the file appears under its name when it is whole; a mailbox that changed is written anew.
"""

import re
from pathlib import Path
from typing import Final

from mail.message.date import format_date
from mail.message.header import header_end, unfold, values
from wire import admin_pb2 as pb

_QUOTE: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_STATUS: Final = {"\\Seen": "R"}
_X_STATUS: Final = {"\\Answered": "A", "\\Flagged": "F", "\\Deleted": "D", "\\Draft": "T"}
_SENDER: Final = re.compile(rb"<?([^\s<>]{1,320})>?")


class MboxWriter:
    """One mailbox."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._file = self._temporary.open("wb")

    def have(self, uidvalidity: int) -> list[tuple[int, int]]:  # noqa: ARG002 (Writer's signature)
        """Nothing: the file is written as a whole."""
        return []

    def write(self, message: pb.ExportedMessage) -> None:
        """Append."""
        content = message.content.replace(b"\r\n", b"\n")
        body = header_end(content, 0, len(content))
        header, rest = content[:body], content[body:]
        fields = header[:-1] if header.endswith(b"\n\n") or header == b"\n" else header
        blank = header[len(fields) :]
        if fields and not fields.endswith(b"\n"):
            fields += b"\n"
        status = _status(message) if header else b""  # in a message without a header it would become one
        whole = _QUOTE.sub(rb">\1", b"".join((fields, status, blank, rest)))
        self._file.write(_from_line(message, content) + whole + (b"\n" if whole.endswith(b"\n") else b"\n\n"))

    def finish(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._temporary.replace(self._path)

    def abandon(self) -> None:
        """Remove what was begun."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _from_line(message: pb.ExportedMessage, content: bytes) -> bytes:
    """RFC 4155 appendix A: the sender and the date in asctime's form, in UTC."""
    found = next((_SENDER.fullmatch(unfold(value)) for value in values(content, b"return-path")), None)
    day, date = format_date(message.date_ms).split(b", ")
    number, month, year, time = date.split()[:4]
    return b"From %b %b %b %2d %b %b\n" % (found[1] if found else b"MAILER-DAEMON", day, month, int(number), time, year)


def _status(message: pb.ExportedMessage) -> bytes:
    flags = set(message.flags)
    fields = (
        ("Status", "".join(_STATUS[flag] for flag in _STATUS if flag in flags) + "O"),
        ("X-Status", "".join(_X_STATUS[flag] for flag in _X_STATUS if flag in flags)),
        ("X-Keywords", " ".join(sorted(flag for flag in flags if not flag.startswith("\\")))),
    )
    return "".join(f"{name}: {value}\n" for name, value in fields if value).encode()
