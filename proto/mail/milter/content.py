"""A message as filters see it: its header fields one by one, and its body; and back to bytes.

The law: `split` and `join` lose nothing, and nothing is hidden from a filter. So a line that is no field ends the
header, as with Sendmail and Postfix: what stands there and behind is shown as body, whatever it may be to others.
"""

import re
from typing import Final, NamedTuple

from mail.milter.macros import clean

FIELDS_MAX: Final = 5000  # each costs a question; the largest real headers have 200, and what is over is shown as body
_WHITE: Final = frozenset((b" ", b"\t"))
_FIELD: Final = re.compile(rb"([!-9;-~\x80-\xff]+)[ \t]*:")
_MBOX_LINE: Final = re.compile(rb">?From [^\n]*\n")  # what some gateways leave on top: no field, yet fields follow


class Field(NamedTuple):
    """One field as it stands, with its line end; `name` is empty for what is kept but is no field."""

    name: bytes
    raw: bytes

    def value(self, *, leading_space: bool) -> bytes:
        """What is behind the colon, folded at LF, without NUL; Sendmail eats one space unless asked not to."""
        value = self.raw[self.raw.index(b":") + 1 :].replace(b"\r\n", b"\n").removesuffix(b"\n")
        return clean(value if leading_space else value.removeprefix(b" "))


class Content(NamedTuple):
    """A message in pieces. `blank`: the line between header and body, empty where there is none."""

    fields: tuple[Field, ...]
    blank: bytes
    body: bytes

    def join(self) -> bytes:
        """The message."""
        return b"".join((*(field.raw for field in self.fields), self.blank, self.body))


def split(message: bytes) -> Content:
    """The pieces of a message; fit for any bytes."""
    fields: list[Field] = []
    at = 0
    if mbox := _MBOX_LINE.match(message):
        fields.append(Field(b"", mbox[0]))
        at = mbox.end()
    while len(fields) < FIELDS_MAX and (found := _FIELD.match(message, at)):
        end = _end(message, at)
        fields.append(Field(found[1], message[at:end]))
        at = end
    blank = b"\r\n" if message.startswith(b"\r\n", at) else b"\n" if message.startswith(b"\n", at) else b""
    return Content(tuple(fields), blank, message[at + len(blank) :])


def _end(message: bytes, start: int) -> int:
    """Where the field that begins at `start` ends: after the first line that none with white space follows."""
    at = start
    while (at := message.find(b"\n", at) + 1) and message[at : at + 1] in _WHITE:
        pass
    return at or len(message)
