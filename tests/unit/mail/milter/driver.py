"""A reader of conversation files between the machine and a filter.

version: 6                the version to offer (default 6); size: 262143 the largest command
limits: changes_max=2     any of Limits
know: i=abc j=mx          macros that are known from here on
do: helo mx.test          a call of the machine, with its arguments
S: Hmx.test\\0             a frame that we must say: its letter and its data, with Python's escapes
R: c                      a frame that the filter says; raw: bytes of it as they are
=: continue               how the exchange ended, a reply behind it
+: AddHeader(...)         what it wants changed, in order, behind =
E: not agreed             the conversation ends in a ProtocolError with these words
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mail.milter.codes import DATA_BYTES
from mail.milter.content import split
from mail.milter.errors import ProtocolError
from mail.milter.frames import frame
from mail.milter.machine import Client, Family, Limits
from mail.milter.options import Offer

FOLDER = Path(__file__).parent / "conversations"


def raw(text: str) -> bytes:
    """Python's escapes to bytes."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def framed(text: str) -> bytes:
    """A frame from its letter and its data."""
    data = raw(text)
    return frame(data[0], data[1:])


def steps(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a conversation as (mark, text)."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            mark, _, text = line.partition(":")
            yield mark, text.removeprefix(" ")


class Talk:
    """A machine, what it said and was not yet looked at, and the error that ended it."""

    def __init__(self, head: dict[str, str]) -> None:
        limits: dict[str, Any] = {
            name: int(value) for name, _, value in (word.partition("=") for word in head.get("limits", "").split())
        }
        offer = Offer(int(head.get("version", "6")), int(head.get("size", str(DATA_BYTES))))
        self.client = Client(offer, Limits(**limits))
        self.said = b""
        self.error = ""
        self.known: dict[str, str] = {}

    def do(self, text: str) -> None:
        """One call."""
        name, *words = text.split(" ")
        client = self.client
        match name:
            case "connect":
                host, family, port, address = words
                client.connect(host, Family[family], int(port), address)
            case "mail" | "rcpt":
                getattr(client, name)(words[0], tuple(words[1:]))
            case "helo":
                client.helo(words[0])
            case "unknown":
                client.unknown(raw(" ".join(words)))
            case "message":
                client.message(split(raw(" ".join(words))))
            case "reuse":
                client.quit(reuse=True)
            case _:
                getattr(client, name)()
        self._listen()

    def hear(self, data: bytes, step: int) -> None:
        """Bytes of the filter, whole or in pieces."""
        try:
            for start in range(0, len(data), step or max(1, len(data))):
                self.client.receive(data[start : start + step] if step else data)
        except ProtocolError as error:
            self.error = str(error)
            return
        self._listen()

    def know(self, text: str) -> None:
        """More macros."""
        self.known |= {name: value for name, _, value in (word.partition("=") for word in text.split())}
        self.client.known = self.known

    def _listen(self) -> None:
        while data := self.client.outgoing():
            self.said += data
