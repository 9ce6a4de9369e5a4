"""A strict reader of the lists in a FETCH response (RFC 3501 9): whatever is not its grammar is an AssertionError."""

import re
from typing import Final, TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"

# quoted = DQUOTE *QUOTED-CHAR DQUOTE; literal = "{" number "}" CRLF *CHAR8; CHAR8 is any octet but NUL
_TOKEN: Final = (
    rb'"(?P<quoted>(?:[\x01-\x09\x0b\x0c\x0e-!#-\[\]-%b]|\\["\\])*)"|(?P<nil>NIL)(?=[ )]|\Z)'
    rb"|(?P<number>[0-9]+)(?=[ )]|\Z)|\{(?P<literal>[0-9]+)\}\r\n"
)
_TOKENS: Final = {utf8: re.compile(_TOKEN % last) for utf8, last in ((False, rb"\x7f"), (True, rb"\xff"))}


def parse(text: bytes) -> Value:
    """The one value that `text` is."""
    value, end = value_at(text, 0)
    assert end == len(text), text[end : end + 80]
    return value


def value_at(text: bytes, at: int, *, utf8: bool = False) -> tuple[Value, int]:
    """The value that begins there, and where it ends. `utf8`: it may be in quoted strings (RFC 6855 3)."""
    if text[at : at + 1] == b"(":
        return _list(text, at + 1, utf8=utf8)
    token = _TOKENS[utf8].match(text, at)
    assert token, text[at : at + 80]
    end = token.end()
    if token["quoted"] is not None:
        return re.sub(rb"\\(.)", rb"\1", token["quoted"]), end
    if token["literal"] is not None:
        value = text[end : end + int(token["literal"])]
        assert len(value) == int(token["literal"])
        assert b"\0" not in value
        return value, end + len(value)
    return (None if token["nil"] else int(token["number"])), end


def _list(text: bytes, at: int, *, utf8: bool) -> tuple[Value, int]:
    """Members have one space between them; only two lists may stand close (addresses, parts)."""
    found: list[Value] = []
    while text[at : at + 1] != b")":
        close = isinstance(found[-1], list) and text[at : at + 1] == b"(" if found else True
        assert close or text[at : at + 1] == b" ", text[at : at + 80]
        value, at = value_at(text, at if close else at + 1, utf8=utf8)
        found.append(value)
    return found, at + 1


def check_envelope(value: Value) -> None:
    """envelope: date, subject, six lists of addresses, in-reply-to, message-id."""
    assert isinstance(value, list)
    assert len(value) == 10
    for at in (0, 1, 8, 9):
        _nstring(value[at])
    for addresses in value[2:8]:
        assert addresses is None or (isinstance(addresses, list) and addresses)
        for address in addresses or ():
            assert isinstance(address, list)
            assert len(address) == 4
            for part in address:
                _nstring(part)


def check_structure(value: Value, *, extended: bool = True) -> None:
    """body, with its extension data (7.4.2) or, as BODY has it, without."""
    assert isinstance(value, list)
    parts = next((at for at, part in enumerate(value) if not isinstance(part, list)), len(value))
    if parts:
        for part in value[:parts]:
            check_structure(part, extended=extended)
        assert isinstance(value[parts], bytes)
        assert extended or len(value) == parts + 1
        if extended:
            _parameters(value[parts + 1])
            _extension(value[parts + 2 :])
        return
    kind, subtype, parameters, id_, description, encoding, size, *rest = value
    assert isinstance(kind, bytes)
    assert isinstance(subtype, bytes)
    assert isinstance(encoding, bytes)
    assert isinstance(size, int)
    _parameters(parameters)
    _nstring(id_)
    _nstring(description)
    if kind == b"text":
        assert isinstance(rest.pop(0), int)
    elif (kind, subtype) in {(b"message", b"rfc822"), (b"message", b"global")}:
        check_envelope(rest.pop(0))
        check_structure(rest.pop(0), extended=extended)
        assert isinstance(rest.pop(0), int)
    assert extended or not rest
    if extended:
        _nstring(rest[0])
        _extension(rest[1:])


def _extension(rest: list[Value]) -> None:
    disposition, language, location = rest
    if disposition is not None:
        assert isinstance(disposition, list)
        assert isinstance(disposition[0], bytes)
        _parameters(disposition[1])
        assert len(disposition) == 2
    assert language is None or (isinstance(language, list) and all(isinstance(one, bytes) for one in language))
    _nstring(location)


def _parameters(value: Value) -> None:
    assert value is None or (isinstance(value, list) and value and len(value) % 2 == 0)
    assert all(isinstance(one, bytes) for one in value or ())


def _nstring(value: Value) -> None:
    assert value is None or isinstance(value, bytes)
