"""A message as DKIM and ARC see it: its fields, its body, and the canonical forms of both (RFC 6376 3.4).

The law: exactly RFC 6376: a line ends with CRLF and nothing else does, white space is space and tab and nothing else.
What is where a header ends and what is a field is `mail.message.header`'s to say, so that no check sees another From
than the reader does. Everything is linear in the size of the message.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from mail.message.header import fields, header_end

Form = Literal["simple", "relaxed"]


class Field(NamedTuple):
    """A field with its line end, and its name in lower case."""

    name: bytes
    raw: bytes


class Signable:
    """A message, taken apart once; a body is hashed once for each form and length.

    Share one between DKIM and ARC. `dkim.warm` and `arc.warm` may be called in a thread before a verification, which
    then hashes nothing in the event loop.
    """

    def __init__(self, message: bytes) -> None:
        end = header_end(message, 0, len(message))
        self.fields: Final = [
            Field(found.name.lower(), message[found.start : found.end]) for found in fields(message, 0, end)
        ]
        self._body = memoryview(message)[end:]
        self._forms: dict[Form, _Body] = {}
        self._hashes: dict[tuple[Form, int | None], bytes] = {}
        self._canonical_fields: dict[tuple[Form, bytes], bytes] = {}

    @property
    def body_bytes(self) -> int:
        """The size of the body as it is."""
        return len(self._body)

    def named(self, name: bytes) -> list[Field]:
        """The fields of a name (in lower case), from the top."""
        return [field for field in self.fields if field.name == name]

    def canonical_field(self, field: Field, form: Form) -> bytes:
        """Of a field of the message `canonical_field`, worked out once for all signatures."""
        key = (form, field.raw)
        found = self._canonical_fields.get(key)
        if found is None:
            found = self._canonical_fields[key] = canonical_field(field.raw, form)
        return found

    def canonical_bytes(self, form: Form) -> int:
        """The size of the canonical body."""
        return self._canonical(form).size

    def canonical_body(self, form: Form, length: int | None = None) -> bytes:
        """The canonical body, or its first `length` bytes: what a signature hashed (RFC 6376 3.7)."""
        return b"".join(bytes(piece) for piece in self._canonical(form).pieces(length))

    def hashed(self, form: Form, length: int | None = None) -> bytes:
        """SHA-256 of `canonical_body`."""
        if length is not None and length >= self._canonical(form).size:
            length = None
        found = self._hashes.get((form, length))
        if found is None:
            digest = hashlib.sha256()
            for piece in self._canonical(form).pieces(length):
                digest.update(piece)
            found = self._hashes[form, length] = digest.digest()
        return found

    def _canonical(self, form: Form) -> "_Body":
        found = self._forms.get(form)
        if found is None:
            found = self._forms[form] = _simple(self._body) if form == "simple" else _relaxed(self._body)
        return found


class _Body(NamedTuple):
    """A canonical body: `text` and then the CRLF that canonicalization puts there."""

    text: bytes | memoryview
    size: int  # of both
    end: bytes

    def pieces(self, length: int | None) -> "Iterable[bytes | memoryview]":
        """What is to be hashed, not joined: a large body is not copied."""
        if length is None or length >= self.size:
            return (self.text, self.end)
        text = memoryview(self.text)
        return (text[:length], self.end[: max(0, length - len(text))])


def _simple(body: memoryview) -> _Body:
    """RFC 6376 3.4.3: empty lines at the end make way for one CRLF; a body without any gets one."""
    kept = _without_empty_lines(bytes(body))
    return _Body(memoryview(body)[:kept], kept + 2, b"\r\n")


def _relaxed(body: memoryview) -> _Body:
    """RFC 6376 3.4.4: white space within lines is one space, at their ends none; then as above, but empty stays so."""
    text = _single_spaces(bytes(body)).replace(b" \r\n", b"\r\n")
    if text.endswith(b" "):  # a last line without CRLF
        text = text[:-1]
    kept = _without_empty_lines(text)
    end = b"\r\n" if kept else b""
    return _Body(memoryview(text)[:kept], kept + len(end), end)


def _single_spaces(text: bytes) -> bytes:
    """Each run of spaces and tabs as one space; a fifth of the time of a pattern."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    while b"  " in text:  # each turn halves the longest run: 23 for 5 MB of spaces, and each on half of what was left
        text = text.replace(b"  ", b" ")
    return text


def _without_empty_lines(text: bytes) -> int:
    """Where the CRLFs at the end of a text begin."""
    kept = len(text.rstrip(b"\r\n"))
    tail = text[kept:]
    if not tail.endswith(b"\r\n"):
        return len(text)
    # The longest end of it that is CRLFs only begins after the last CR or LF that stands alone.
    begins = [1 if tail.startswith(b"\n") else 0, tail.rfind(b"\r\r") + 1]
    if (lone := tail.rfind(b"\n\n")) >= 0:
        begins.append(lone + 2)
    return kept + max(begins)


def canonical_field(raw: bytes, form: Form) -> bytes:
    """A field with its CRLF (RFC 6376 3.4.1, 3.4.2)."""
    if form == "simple":
        return raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    name, _, value = raw.partition(b":")
    value = _single_spaces(value.replace(b"\r\n", b"")).strip(b" ")
    return name.rstrip(b" \t").lower() + b":" + value + b"\r\n"


def signed_fields(message: Signable, names: Iterable[bytes], form: Form, without: Field | None = None) -> bytes:
    """What names sign: for each the lowest field not taken yet, nothing where there is none (RFC 6376 5.4.2).

    Names are in lower case. `without`: the signature itself, which is never part of what its list names.
    """
    left: defaultdict[bytes, list[Field]] = defaultdict(list)
    wanted = set(names := tuple(names))
    for field in message.fields:
        if field.name in wanted and field is not without:
            left[field.name].append(field)
    return b"".join([message.canonical_field(left[name].pop(), form) for name in names if left.get(name)])
