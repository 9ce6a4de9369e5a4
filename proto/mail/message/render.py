"""IMAP strings (RFC 3501 9): quoted where the bytes allow it, else a literal.

The law: what comes out is always a valid `nstring`, `string` or list of them. A quoted string never holds CR,
LF, NUL or a byte over 127; a literal never holds NUL (CHAR8), which is dropped.
"""

import re
from typing import Final

NIL: Final = b"NIL"
# What needs no care at all, which is nearly everything: one match tells.
_CLEAN: Final = re.compile(rb'[^\x00\r\n"\\\x80-\xff]{0,1000}+\Z')
_UNQUOTABLE: Final = re.compile(rb"[\x00\r\n\x80-\xff]")
QUOTED_BYTES_MAX: Final = 1000  # clients have line limits of their own; longer strings go as literals


def string(value: bytes) -> bytes:
    """`value` as a quoted string or a literal."""
    if _CLEAN.match(value):
        return b'"%b"' % value
    if len(value) > QUOTED_BYTES_MAX or _UNQUOTABLE.search(value):
        value = value.replace(b"\0", b"")
        return b"{%d}\r\n%b" % (len(value), value)
    if b'"' in value or b"\\" in value:
        value = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%b"' % value


def is_clean(value: bytes) -> bool:
    """Whether `value` and any piece of it can stand between quotes as it is."""
    return _CLEAN.match(value) is not None


def nstring(value: bytes | None) -> bytes:
    """NIL, or `string`."""
    return NIL if value is None else string(value)


def pairs(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """body-fld-param: a parenthesised list of names and values, or NIL."""
    if not parameters:
        return NIL
    return b"(" + b" ".join([string(name) + b" " + string(value) for name, value in parameters]) + b")"
