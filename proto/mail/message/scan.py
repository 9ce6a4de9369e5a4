"""The scanner: a message's bytes to its tree of parts with offsets, in one pass at intake.

The law: any bytes give a tree, and the cost is at most depth times size. Each multipart looks for its own
boundary only within what its parent gave it, so an outer boundary always ends an inner part (RFC 2046 5.1.2),
and what is over a limit stays in the last part found.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from mail.message.envelope import addresses_of, envelope
from mail.message.header import header_end, unfold, wanted_fields
from mail.message.limits import DEFAULT, Limits
from mail.message.parameter import MESSAGE, OPAQUE, PLAIN_TEXT, Media, parse_disposition, parse_media, parse_token
from mail.message.part import Parameters, Part

# What may follow the boundary on its line (RFC 2046 5.1.1): "--" at the close, then only white space.
_REST: Final = re.compile(rb"(--)?[ \t\r]*+(?:\n|\Z)")
_LANGUAGE: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
# message/global is message/rfc822 with UTF-8 headers (RFC 6532 3.7).
_MESSAGES: Final = frozenset({"rfc822", "global"})


class Region(NamedTuple):
    """Where one entity is: its header may reach `header_end`, its body stops at `end`.

    They differ by the line end before a boundary, which belongs to the boundary (RFC 2046 5.1.1) yet may be
    the blank line after a header.
    """

    start: int
    header_end: int
    end: int


def scan(raw: bytes, limits: Limits = DEFAULT) -> Part:
    """The tree of parts; the root is the message itself."""
    return scan_message(raw, limits)[0]


def scan_message(raw: bytes, limits: Limits = DEFAULT) -> tuple[Part, Mapping[bytes, bytes]]:
    """The tree of parts, and the raw values of the wanted fields of the message's own header."""
    return _Scanner(raw, limits).message(Region(0, len(raw), len(raw)), 0)


class _Scanner:
    """One scan of one message. What is left of the limits is counted here, over all levels."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self._raw = raw
        self._limits = limits
        self._parts_left = limits.parts_max
        self._delimiters_left = limits.delimiters_max

    def message(
        self, region: Region, depth: int, *, is_encapsulated: bool = False
    ) -> tuple[Part, Mapping[bytes, bytes]]:
        """The root part of a message and the fields of its header."""
        body = header_end(self._raw, region.start, region.header_end)
        fields = wanted_fields(self._raw, region.start, body, self._limits)
        rendered = envelope(fields, addresses_of(fields, self._limits)) if is_encapsulated else b""
        return self._entity(region, body, fields, PLAIN_TEXT, depth, rendered), fields

    def _entity(
        self, region: Region, body: int, fields: Mapping[bytes, bytes], default: Media, depth: int, rendered: bytes
    ) -> Part:
        # Long because measured: it runs once a part, and most of a scan's time is here.
        self._parts_left -= 1
        raw = self._raw
        end = max(body, region.end)
        content_type = fields.get(b"content-type")
        media = default if content_type is None else parse_media(content_type, self._limits) or PLAIN_TEXT
        type_, subtype, parameters = media
        children: tuple[Part, ...] = ()
        lines = 0
        if type_ == "text":
            lines = raw.count(b"\n", body, end)
        elif type_ == "multipart":
            children = self._multipart(subtype, parameters, Region(body, max(body, region.header_end), end), depth)
        elif type_ == "message" and subtype in _MESSAGES:
            if depth < self._limits.depth_max and self._parts_left > 0:
                inner = Region(body, max(body, region.header_end), end)
                children = (self.message(inner, depth + 1, is_encapsulated=True)[0],)
            else:  # without its envelope it cannot be shown as a message
                type_, subtype, parameters = OPAQUE
        if children:
            # The last child's header may have ended with the line end before this part's boundary.
            end = max(end, children[-1].end)
            lines = raw.count(b"\n", body, end) if type_ == "message" else 0
        encoding = fields.get(b"content-transfer-encoding")
        disposition = fields.get(b"content-disposition")
        parsed = parse_disposition(disposition, self._limits) if disposition is not None else None
        language = fields.get(b"content-language")
        return Part(
            region.start,
            body,
            end,
            lines,
            type_,
            subtype,
            parameters,
            "7bit" if encoding is None else parse_token(encoding) or "7bit",
            children,
            self._text(fields.get(b"content-id")),
            self._text(fields.get(b"content-description")),
            parsed[0] if parsed else None,
            parsed[1] if parsed else (),
            tuple(_LANGUAGE.findall(language, 0, self._limits.text_bytes_max)) if language is not None else (),
            self._text(fields.get(b"content-location")),
            self._text(fields.get(b"content-md5")),
            rendered,
        )

    def _multipart(self, subtype: str, parameters: Parameters, region: Region, depth: int) -> tuple[Part, ...]:
        boundary = next((value for name, value in parameters if name == b"boundary"), b"").rstrip()
        default = MESSAGE if subtype == "digest" else PLAIN_TEXT
        children: list[Part] = []
        if boundary and depth < self._limits.depth_max:
            for child in self._split(boundary, region):
                is_last = self._parts_left <= 1  # it takes what its siblings would have been
                child = Region(child.start, region.header_end, region.end) if is_last else child
                body = header_end(self._raw, child.start, child.header_end)
                fields = wanted_fields(self._raw, child.start, body, self._limits)
                children.append(self._entity(child, body, fields, default, depth + 1, b""))
                if is_last:
                    break
        # BODYSTRUCTURE knows no multipart without parts (1*body); and no text gets lost when a boundary is.
        return tuple(children) or (Part(region.start, region.start, region.end, self._lines(region), *PLAIN_TEXT),)

    def _lines(self, region: Region) -> int:
        return self._raw.count(b"\n", region.start, region.end)

    def _split(self, boundary: bytes, region: Region) -> list[Region]:
        """The parts between the boundary's lines; the last one reaches the end where no closing line is."""
        raw = self._raw
        needle = b"\n--" + boundary
        found: list[Region] = []
        start = -1  # of the part that is open
        at = raw.find(needle, region.start - 1 if region.start else 0, region.end)
        while at >= 0 and self._delimiters_left > 0:
            self._delimiters_left -= 1
            rest = _REST.match(raw, at + len(needle), region.end)
            if rest is None:  # a longer boundary, or text that happens to begin so
                at = raw.find(needle, at + 1, region.end)
                continue
            if start >= 0:
                if len(found) + 1 >= self._parts_left:
                    break
                found.append(Region(start, at + 1, max(start, at - (raw[at - 1] == 13 and at > start))))
                start = -1
            if rest[1]:
                return found
            start = rest.end()
            at = raw.find(needle, start - 1, region.end)
        if start >= 0:
            found.append(Region(start, max(start, region.header_end), region.end))
        return found

    def _text(self, value: bytes | None) -> bytes | None:
        return None if value is None else unfold(value)[: self._limits.text_bytes_max]
