"""Who wants to be told of a signature or an SPF check that failed: r=y in signatures and the record at
_report._domainkey (RFC 6651), the modifiers ra=, rp=, rr= of an SPF record (RFC 6652).

The law: ra= is a local part and nothing more; the domain is always that of who failed, so nobody can have reports sent
to somebody else. What cannot be read is no request.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mail.message.header import unfold, values
from mail.trust.names import a_label

RECORD_BYTES_MAX: Final = 4096
FIELD_BYTES_MAX: Final = 16 * 1024
SIGNATURES_MAX: Final = 20  # looked at
TAGS_MAX: Final = 50
LOCAL_CHARS_MAX: Final = 64  # RFC 5321 4.5.3.1.1

_TAG: Final = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_]*)[ \t]*=[ \t]*([^;]*)\Z")
_ENCODED: Final = re.compile(r"=([0-9A-F]{2})")
# Dot-atom (RFC 5322 3.2.3): a quoted local part is asked for by nobody.
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")


class Request(NamedTuple):
    """A wish to be told. `address`: where; `percent`: of how many such messages; `what`: its letters, or "all"."""

    address: str
    percent: int = 100
    what: frozenset[str] = frozenset(("all",))

    def is_for(self, letter: str) -> bool:
        """Whether it is for such a failure (RFC 6651 3.3, RFC 6652 4)."""
        return "all" in self.what or letter in self.what


def signatures_that_ask(head: bytes) -> frozenset[tuple[str, str]]:
    """Domain and selector of the signatures with r=y (RFC 6651 3.1), from the top."""
    found = set()
    for value in values(head, b"dkim-signature")[:SIGNATURES_MAX]:
        if len(value) > FIELD_BYTES_MAX:
            continue
        tags = dict(_tags(unfold(value).decode("latin-1")))
        domain, selector = a_label(tags.get("d", "")), tags.get("s", "").lower()
        if tags.get("r", "").lower() == "y" and domain and selector:
            found.add((domain, selector))
    return frozenset(found)


def dkim_request(record: bytes, domain: str) -> Request | None:
    """The wish of a record at _report._domainkey of a domain; None where it is none."""
    tags = dict(_tags(record[:RECORD_BYTES_MAX].decode("latin-1")))
    return _request(_ENCODED.sub(_decoded, tags.get("ra", "")), tags, domain)


def spf_request(record: str, domain: str) -> Request | None:
    """The wish of an SPF record of a domain; None where it has none, or says a thing twice."""
    tags: dict[str, str] = {}
    for word in record[:RECORD_BYTES_MAX].split():
        name, equals, value = word.partition("=")
        name = name.lower()
        if equals and name in ("ra", "rp", "rr"):
            if name in tags:
                return None  # RFC 6652 3: each once at most
            tags[name] = value
    return _request(tags.get("ra", ""), tags, domain)


def _request(local: str, tags: dict[str, str], domain: str) -> Request | None:
    name = a_label(domain)
    if name is None or len(local) > LOCAL_CHARS_MAX or not _LOCAL.match(local):
        return None
    percent = tags.get("rp", "100")
    if not (percent.isascii() and percent.isdigit()) or len(percent) > 3 or int(percent) > 100:
        return None
    what = frozenset(word.strip().lower() for word in tags.get("rr", "all").split(":"))
    return Request(f"{local}@{name}", int(percent), what)


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Of a list as DKIM has them (RFC 6376 3.2), those that can be read; the last of a name counts for `dict`."""
    for piece in text.split(";", TAGS_MAX)[:TAGS_MAX]:
        if found := _TAG.match(piece.strip()):
            yield found[1], found[2].strip()


def _decoded(found: "re.Match[str]") -> str:
    return chr(int(found[1], 16))
