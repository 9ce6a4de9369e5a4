"""The commands of a client as values: what was asked, fully decoded; a command never knows whether that is allowed.

The law: `parse` raises nothing but Pop3Error, and no password is in a command's repr. Message numbers are as the
client counts, from 1; whether there is such a message is not known here.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mail.pop3.errors import Pop3Error


@dataclass(frozen=True, slots=True)
class Capa:
    """RFC 2449 5."""


@dataclass(frozen=True, slots=True)
class Stls:
    """RFC 2595 4."""


@dataclass(frozen=True, slots=True)
class User:
    """RFC 1939 7."""

    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """RFC 1939 7: a space in it belongs to the password."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Auth:
    """RFC 5034 4. `mechanism` None asks which there are, as clients did before CAPA; `initial` is decoded."""

    mechanism: str | None = None
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Utf8:
    """RFC 6856 2.1."""


@dataclass(frozen=True, slots=True)
class Lang:
    """RFC 6856 3. `wanted`: a language range, `*` for whatever the server likes best, None to ask which there are."""

    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Stat:
    """RFC 1939 5."""


@dataclass(frozen=True, slots=True)
class List:
    """RFC 1939 5. None: all messages."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Uidl:
    """RFC 1939 7. None: all messages."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Retr:
    """RFC 1939 5."""

    number: int


@dataclass(frozen=True, slots=True)
class Top:
    """RFC 1939 7: the header, and so many lines of what follows."""

    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """RFC 1939 5."""

    number: int


@dataclass(frozen=True, slots=True)
class Noop:
    """RFC 1939 5."""


@dataclass(frozen=True, slots=True)
class Rset:
    """RFC 1939 5."""


@dataclass(frozen=True, slots=True)
class Quit:
    """RFC 1939 4, 6."""


Command = Capa | Stls | User | Pass | Auth | Utf8 | Lang | Stat | List | Uidl | Retr | Top | Dele | Noop | Rset | Quit

_NUMBER: Final = re.compile(rb"[0-9]{1,19}")  # more digits than any count has, and few enough to be a number cheaply
_MECHANISM: Final = re.compile(rb"[A-Za-z0-9_-]{1,20}")  # sasl-mech (RFC 4422 3.1)
_RANGE: Final = re.compile(rb"\*|[A-Za-z0-9-]{1,100}")  # basic language range (RFC 4647 2.1)


def parse(line: bytes) -> Command:
    """The command of a line without its CRLF. Raises Pop3Error."""
    keyword, _, argument = line.partition(b" ")
    parser = _PARSERS.get(keyword.upper())
    if parser is None:
        raise Pop3Error("Unknown command")
    return parser(argument)


def sasl_response(text: bytes) -> bytes:
    """RFC 5034 4: base64, or `=` for what is empty. Raises Pop3Error."""
    try:
        return b"" if text == b"=" else binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise Pop3Error("Expected base64") from None


def _plain(command: type[Capa | Stls | Utf8 | Stat | Noop | Rset | Quit]) -> Callable[[bytes], Command]:
    def parser(argument: bytes) -> Command:
        if argument.strip(b" "):  # a space at the end is not worth an error
            raise Pop3Error("There is more than this command takes")
        return command()

    return parser


def _number(text: bytes) -> int:
    if not _NUMBER.fullmatch(text):
        raise Pop3Error("Expected a number")
    return int(text)


def _any_number(argument: bytes) -> int | None:
    argument = argument.strip(b" ")
    return _number(argument) if argument else None


def _text(argument: bytes) -> str:
    """RFC 6856 2.2: names and passwords may be UTF-8, and nothing else."""
    if not argument:
        raise Pop3Error("Expected a space and more")
    try:
        return argument.decode()
    except UnicodeDecodeError:
        raise Pop3Error("This is not UTF-8 (RFC 3629)") from None


def _user(argument: bytes) -> User:
    """One word: what follows it may be a password that was said too early, and a name is logged."""
    name = _text(argument.rstrip(b" "))
    if " " in name:
        raise Pop3Error("There is more than this command takes")
    return User(name)


def _top(argument: bytes) -> Top:
    number, _, lines = argument.strip(b" ").partition(b" ")
    return Top(_number(number), _number(lines))


def _auth(argument: bytes) -> Auth:
    mechanism, space, initial = argument.rstrip(b" ").partition(b" ")
    if not mechanism:
        return Auth()
    if not _MECHANISM.fullmatch(mechanism):
        raise Pop3Error("Expected the name of a mechanism")
    return Auth(mechanism.decode().upper(), sasl_response(initial) if space else None)


def _lang(argument: bytes) -> Lang:
    argument = argument.strip(b" ")
    if argument and not _RANGE.fullmatch(argument):
        raise Pop3Error("Expected a language")
    return Lang(argument.decode() or None)


_PARSERS: Final[dict[bytes, Callable[[bytes], Command]]] = {
    b"CAPA": _plain(Capa),
    b"STLS": _plain(Stls),
    b"USER": _user,
    b"PASS": lambda argument: Pass(_text(argument)),
    b"AUTH": _auth,
    b"UTF8": _plain(Utf8),
    b"LANG": _lang,
    b"STAT": _plain(Stat),
    b"LIST": lambda argument: List(_any_number(argument)),
    b"UIDL": lambda argument: Uidl(_any_number(argument)),
    b"RETR": lambda argument: Retr(_number(argument.strip(b" "))),
    b"TOP": _top,
    b"DELE": lambda argument: Dele(_number(argument.strip(b" "))),
    b"NOOP": _plain(Noop),
    b"RSET": _plain(Rset),
    b"QUIT": _plain(Quit),
}
