"""Addresses as the directory compares them: one spelling for every way to write the same address.

The law: `parse(str(address)) == address`; what is no address leaves as BadAddress and nothing else.
"""

import re
import unicodedata
from typing import Final, NamedTuple

import idna

from cluster.errors import Fault, Refused

LOCAL_BYTES_MAX: Final = 64  # RFC 5321 §4.5.3.1.1
DOMAIN_BYTES_MAX: Final = 253  # RFC 1035 §2.3.4: 255 octets with the length octets of the first and last label
TEXT_MAX: Final = 2 * LOCAL_BYTES_MAX + 2 + 1 + 255  # every character of the local part quoted

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # RFC 1123 §2.1; underscores are seen in the wild
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL: Final = re.compile(r"\[[!-Z^-~]{1,100}\]")  # RFC 5321 §4.1.3: dcontent
_SPECIALS: Final = re.compile(r'[\s"(),:;<>@\[\\\]]')  # RFC 5322 §3.2.3, and spaces: these need quotes
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')  # RFC 5321 §4.1.2: Quoted-string
_PAIR: Final = re.compile(r"\\(.)")


class BadAddress(Refused):
    """The text is not an address or domain."""

    fault = Fault.PEER


class Address(NamedTuple):
    """A local part without its quotes, in NFC, and a domain in A-labels."""

    local: str
    domain: str

    def __str__(self) -> str:
        plain = self.local and not _SPECIALS.search(self.local)
        return f"{self.local if plain else _quoted(self.local)}@{self.domain}"

    def folded(self) -> "Address":
        """The address where case does not tell local parts apart."""
        return Address(_lowered(self.local), self.domain)


def parse(text: str, default_domain: str = "") -> Address:
    """The address that `text` spells. Without an @ it is of `default_domain`, if there is one. Raises BadAddress."""
    if len(text) > TEXT_MAX:
        raise BadAddress("The address is too long.")
    local, at, domain = text.rpartition("@")
    if not at:
        local, domain = text, default_domain
        if not domain:
            raise BadAddress(f"{text!r} is not an address: it has no @ and no domain.")
    return Address(_local(local, text), parse_domain(domain))


def parse_domain(text: str) -> str:
    """The domain in A-labels and lower case; an address literal stays as it is. Raises BadAddress."""
    if len(text) > 255:
        raise BadAddress("The domain is too long.")
    name = text.lower() if text.isascii() else _to_a_labels(text)
    if len(name) > DOMAIN_BYTES_MAX or not (_DOMAIN.fullmatch(name) or _LITERAL.fullmatch(text)):
        raise BadAddress(f"{text!r} is not a domain name.")
    return name


def _to_a_labels(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode()  # RFC 5891 §4; capitals and width as UTS 46 maps them
    except (idna.IDNAError, UnicodeError) as error:
        raise BadAddress(f"{text!r} is not a domain name.") from error


def _local(local: str, text: str) -> str:
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = _PAIR.sub(r"\1", quoted[1])
    elif not local or _SPECIALS.search(local):
        raise BadAddress(f"{text!r} is not an address.")
    local = unicodedata.normalize("NFC", local)  # RFC 6532 §3.1
    try:
        # Folded it may be longer, and must still be an address.
        size = max(len(local.encode()), len(_lowered(local).encode()))
    except UnicodeEncodeError:
        raise BadAddress("The address has characters that are no text.") from None
    if size > LOCAL_BYTES_MAX:
        raise BadAddress(f"The part before the @ is longer than {LOCAL_BYTES_MAX} bytes.")
    if any(unicodedata.category(character) == "Cc" for character in local):
        raise BadAddress("The address has control characters.")
    return local


def _lowered(local: str) -> str:
    return unicodedata.normalize("NFC", local.lower())


def _quoted(local: str) -> str:
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
