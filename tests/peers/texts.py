"""Messages that are hard to carry: each must arrive with every byte that it left with."""

import itertools
from dataclasses import dataclass, field
from typing import Final

_numbers: Final = itertools.count(1)


@dataclass(frozen=True)
class Text:
    """A body, a subject, and what must be said at MAIL."""

    body: bytes
    subject: str = "A letter"
    options: dict[str, str] = field(default_factory=dict)

    def letter(self, sender: str, recipient: str) -> tuple[bytes, bytes]:
        """Bytes that no other message has, and the message."""
        mark = f"mark-{next(_numbers)}-of-{recipient.partition('@')[2]}"
        head = (
            f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {self.subject}\r\nMessage-ID: <{mark}@letters.test>\r\n"
            "Date: Mon, 7 Feb 2022 21:52:25 -0800\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {'8bit' if 'BODY=8BITMIME' in self.options else '7bit'}\r\n\r\n"
        )
        return mark.encode(), head.encode() + self.body


def _options(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


ALL: Final = {
    "plain": Text(b"Some text.\r\n"),
    "dots": Text(b".\r\n..\r\n...\r\n.x\r\n\r\n.\r\nx.\r\n. \r\n"),
    "8-bit": Text("Größe, Ελληνικά, 日本語\r\n".encode() * 3, options=_options("BODY=8BITMIME")),
    "long lines": Text((b"l" * 998 + b"\r\n") * 5 + b"." + b"m" * 997 + b"\r\n"),
    "empty": Text(b""),
    "empty lines": Text(b"\r\n\r\n\r\nx\r\n\r\n\r\n"),
    "1 MB": Text((b"0123456789abcdef" * 4 + b"\r\n.23456789abcdef\r\n") * 13_000),
    "UTF-8 header": Text(b"Text.\r\n", subject="Größe 日本語", options=_options("SMTPUTF8", "BODY=8BITMIME")),
}
