"""The commands about URLs that let others read a message, as values (RFC 4467, RFC 5524).

The law: a URL stays what the client wrote, as its octets are what is signed; `mail.imap.url` reads it.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader

# mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
_MECHANISM = re.compile(rb"[A-Za-z0-9.-]+")


class UrlRump(NamedTuple):
    """A URL without its token, and how the token is to be made: INTERNAL, or another name in capitals."""

    url: bytes
    mechanism: str


@dataclass(frozen=True, slots=True)
class GenUrlAuth:
    """RFC 4467 7."""

    urls: tuple[UrlRump, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)"""
        reader.sp()
        return cls(tuple(reader.spaced(_rump)))


@dataclass(frozen=True, slots=True)
class ResetKey:
    """RFC 4467 7. No mailbox: the keys of all of the user's mailboxes. No mechanism: all of them."""

    mailbox: str | None = None
    mechanisms: tuple[str, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]"""
        if not reader.take(b" "):
            return cls()
        mailbox = reader.mailbox()
        return cls(mailbox, tuple(reader.spaced(_mechanism)) if reader.take(b" ") else ())


class UrlParam(Enum):
    """What URLFETCH is to say of a URL (RFC 5524 3.1)."""

    BODY = b"BODY"
    BINARY = b"BINARY"
    BODYPARTSTRUCTURE = b"BODYPARTSTRUCTURE"


_PARAMS = {param.value: param for param in UrlParam}


@dataclass(frozen=True, slots=True)
class WantedUrl:
    """One URL, and what of it. Without `params` the answer is its octets, as in RFC 4467."""

    url: bytes
    params: tuple[UrlParam, ...] = ()


@dataclass(frozen=True, slots=True)
class UrlFetch:
    """RFC 4467 7, RFC 5524 3.1."""

    urls: tuple[WantedUrl, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """urlfetch = "URLFETCH" 1*(SP url-fetch-arg)"""
        reader.sp()
        return cls(tuple(reader.spaced(_wanted)))


def _rump(reader: Reader) -> UrlRump:
    url = reader.astring()
    reader.sp()
    return UrlRump(url, _mechanism(reader))


def _mechanism(reader: Reader) -> str:
    return reader.need(_MECHANISM, "a mechanism").decode("ascii").upper()


def _wanted(reader: Reader) -> WantedUrl:
    """url-fetch-arg = url-full / "(" url-full *(SP url-fetch-param) ")" """
    if not reader.take(b"("):
        return WantedUrl(reader.astring())
    url = reader.astring()
    params = reader.spaced(_param) if reader.take(b" ") else []
    reader.expect(b")")
    if len(set(params)) < len(params) or {UrlParam.BODY, UrlParam.BINARY} <= set(params):
        raise ImapError("Each once, and only one of BODY and BINARY (RFC 5524 3.1)")
    return WantedUrl(url, tuple(params))


def _param(reader: Reader) -> UrlParam:
    param = _PARAMS.get(reader.word())
    if param is None:
        raise ImapError("Unknown parameter of URLFETCH (RFC 5524 3.1)")
    return param
