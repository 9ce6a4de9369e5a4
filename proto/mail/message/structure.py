"""BODYSTRUCTURE and BODY (RFC 3501 7.4.2, RFC 9051 7.5.2) of a tree of parts.

The law: valid by the grammar for any tree that `scan` makes; field by field what the parts say.
"""

from collections.abc import Callable

from mail.message.part import Part
from mail.message.render import NIL, nstring, pairs, string


def bodystructure(part: Part) -> bytes:
    """The parenthesised list with the extension data."""
    if part.is_multipart:
        children = b"".join(map(bodystructure, part.children))
        return b'(%b "%b" %b %b)' % (children, part.subtype.encode(), pairs(part.parameters), _extension(part))
    return b"(%b %b %b)" % (_basic(part, bodystructure), nstring(part.md5), _extension(part))


def body(part: Part) -> bytes:
    """The parenthesised list without extension data."""
    if part.is_multipart:
        return b'(%b "%b")' % (b"".join(map(body, part.children)), part.subtype.encode())
    return b"(%b)" % _basic(part, body)


def _basic(part: Part, of_child: Callable[[Part], bytes]) -> bytes:
    """body-type-basic, and what body-type-text and body-type-msg have after it."""
    fields = b'"%b" "%b" %b %b %b "%b" %d' % (
        part.type.encode(),
        part.subtype.encode(),
        pairs(part.parameters),
        nstring(part.id),
        nstring(part.description),
        part.encoding.encode(),
        part.end - part.body,
    )
    if part.type == "text":
        return b"%b %d" % (fields, part.lines)
    if part.is_message:
        child = part.children[0]
        return b"%b %b %b %d" % (fields, child.envelope, of_child(child), part.lines)
    return fields


def _extension(part: Part) -> bytes:
    """body-fld-dsp SP body-fld-lang SP body-fld-loc."""
    if part.disposition is None and not part.language and part.location is None:
        return b"NIL NIL NIL"
    disposition = NIL
    if part.disposition is not None:
        disposition = b'("%b" %b)' % (part.disposition.encode(), pairs(part.disposition_parameters))
    language = b"(" + b" ".join(map(string, part.language)) + b")" if part.language else NIL
    return b"%b %b %b" % (disposition, language, nstring(part.location))
