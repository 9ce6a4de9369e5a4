"""Address lists (RFC 5322 3.4, obsolete forms 4.4, UTF-8 of RFC 6532) and what people send instead of them.

The law: any bytes give a list, in linear time, and no byte is read as part of two addresses. Quoting and
comments are taken off; encoded words stay, for ENVELOPE wants them so.
"""

import re
from typing import Final, NamedTuple

from mail.message.charset import guess
from mail.message.limits import DEFAULT
from mail.message.words import decode_words

_ATOM: Final = rb"[!#-'*+\-./0-9=?A-Z^-~\x80-\xff]"  # atext, UTF-8 and dots: dot-atom-text loosely
# One plain mailbox: "Name" <local@domain>, words <local@domain> or local@domain, up to its comma.
_PLAIN: Final = re.compile(
    rb'[\s,]*+(?:(?:"([^"\\\r\n]*+)"|([^\s"(),:;<>@\[\]\\][^"(),:;<>@\[\]\\\r\n]*+))?\s*+'
    rb"<(%b++)@(%b++)>|(%b++)@(%b++))\s*+(?:,|\Z)" % ((_ATOM,) * 4)
)
# The pieces of everything else. Unclosed quotes and literals run to the end.
_PIECE: Final = re.compile(
    rb'(\s++)|(")[^"\\]*+(?:\\.[^"\\]*+)*"?|(\[)[^\]\\]*+(?:\\.[^\]\\]*+)*\]?|([(),:;<>@])|[^\s"(),:;<>@\[]++',
    re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_FOLD: Final = re.compile(rb"[\r\n]++[ \t]*+")
_DOT_ATOM: Final = re.compile(rb"(?:\.?[!#-'*+\-/0-9=?A-Z^-~\x80-\xff]++)+\Z")


class Mailbox(NamedTuple):
    """One address: `name` without quoting, `route` the obsolete source route (at-domain-list)."""

    name: bytes | None
    route: bytes | None
    local: bytes
    domain: bytes

    @property
    def display_name(self) -> str | None:
        """The name decoded (RFC 2047), None where there is none."""
        name = self.name
        if not name:
            return None
        return decode_words(name) if b"=?" in name else guess(name)

    @property
    def email(self) -> str:
        """addr-spec as text; the local part is quoted again where it must be."""
        local = self.local
        if local and not _DOT_ATOM.match(local):
            local = b'"%b"' % local.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return (b"%b@%b" % (local, self.domain) if self.domain else local).decode("utf-8", "replace")


class Group(NamedTuple):
    """A named group; `members` may be empty, as in undisclosed-recipients:;."""

    name: bytes
    members: tuple[Mailbox, ...]


def parse_addresses(value: bytes, addresses_max: int = DEFAULT.addresses_max) -> list[Mailbox | Group]:
    """The addresses of one field value (folded or not), at most `addresses_max` with group members counted."""
    found: list[Mailbox | Group] = []
    position = 0
    plain = _PLAIN.match
    while len(found) < addresses_max and (match := plain(value, position)):
        quoted, words, local, domain, bare_local, bare_domain = match.groups()
        if local is None:
            found.append(Mailbox(None, None, bare_local, bare_domain))
        else:
            name = quoted if words is None else words.rstrip(b" \t")
            found.append(Mailbox(name, None, local, domain))
        position = match.end()
    if position < len(value) and len(found) < addresses_max:
        _Reader(value, position, found, addresses_max).read()
    return found


def mailboxes(addresses: list[Mailbox | Group]) -> list[Mailbox]:
    """Members of groups in their places, without the groups."""
    flat: list[Mailbox] = []
    for address in addresses:
        if isinstance(address, Mailbox):
            flat.append(address)
        else:
            flat.extend(address.members)
    return flat


class _Reader:
    """Takes apart what is not plain, piece by piece. One address gathers in `words`, `comment` and `angle`."""

    def __init__(self, value: bytes, position: int, found: list[Mailbox | Group], addresses_max: int) -> None:
        self._value = value
        self._position = position
        self._found = found
        self._left = addresses_max - len(found)
        self._group: bytes | None = None
        self._members: list[Mailbox] = []
        self._start_address()

    def _start_address(self) -> None:
        self._words: list[bytes] = []  # pieces, with one b" " for white space between them
        self._comment: bytes | None = None
        self._angle: list[bytes] | None = None
        self._in_angle = False
        self._quoted = False
        self._at = -1  # where in the pieces the last @ is

    def read(self) -> None:
        """Append all that is found."""
        while self._left > 0 and (match := _PIECE.match(self._value, self._position)):
            self._position = match.end()
            self._take(match[0], match.lastindex)
        self._end_address()
        if self._group is not None:
            self._end_group()

    def _take(self, piece: bytes, kind: int | None) -> None:
        target = self._angle if self._in_angle and self._angle is not None else self._words
        if kind is None or kind == 3:
            target.append(piece)
        elif kind == 1:
            if target and target[-1] != b" ":
                target.append(b" ")
        elif kind == 2:
            self._quoted = self._quoted or not self._in_angle
            target.append(_unquote(piece))
        else:
            self._take_special(piece, target)

    def _take_special(self, piece: bytes, target: list[bytes]) -> None:
        if piece == b"(":
            self._take_comment()
        elif piece == b"<":
            self._in_angle, self._angle, self._at = True, [], -1
        elif piece == b">":
            self._in_angle = False
        elif piece == b"@":
            self._at = len(target)
            target.append(piece)
        elif self._in_angle:
            target.append(piece)  # the commas and colon of a source route (RFC 5322 4.4)
        elif piece == b":" and self._group is None and self._angle is None and self._at < 0:
            self._group = _text(self._words)
            self._start_address()
        elif piece in b",;":
            self._end_address()
            if piece == b";" and self._group is not None:
                self._end_group()
        else:
            target.append(piece)

    def _take_comment(self) -> None:
        start = self._position
        depth, end = 1, len(self._value)
        while edge := _COMMENT_EDGE.search(self._value, self._position):
            self._position = edge.end()
            depth += (edge[0] == b"(") - (edge[0] == b")")
            if depth == 0:
                end = edge.start()
                break
        else:
            self._position = end
        self._comment = _QUOTED_PAIR.sub(rb"\1", _FOLD.sub(b" ", self._value[start:end])).strip()

    def _end_address(self) -> None:
        if self._words or self._angle is not None:
            self._left -= 1
            mailbox = self._from_angle(self._angle) if self._angle is not None else self._from_words()
            if self._group is None:
                self._found.append(mailbox)
            else:
                self._members.append(mailbox)
        self._start_address()

    def _end_group(self) -> None:
        self._found.append(Group(self._group or b"", tuple(self._members)))
        self._left -= 1
        self._group, self._members = None, []

    def _from_angle(self, angle: list[bytes]) -> Mailbox:
        name = _text(self._words) if self._words or self._quoted else self._comment
        route = None
        if angle and angle[0] == b"@" and b":" in angle:  # obs-route = "@" domain *("," "@" domain) ":"
            colon = angle.index(b":")
            route = b"".join(angle[:colon]).replace(b" ", b"")
            angle = angle[colon + 1 :]
            self._at -= colon + 1
        return Mailbox(name, route, *_split(angle, self._at))

    def _from_words(self) -> Mailbox:
        return Mailbox(self._comment, None, *_split(self._words, self._at))


def _split(pieces: list[bytes], at: int) -> tuple[bytes, bytes]:
    """Local part and domain; white space around dots and @ is obsolete and dropped (RFC 5322 4.4)."""
    if at < 0:
        return _text(pieces), b""
    local = b"".join([piece for piece in pieces[:at] if piece != b" "])
    return local, b"".join([piece for piece in pieces[at + 1 :] if piece != b" "])


def _text(pieces: list[bytes]) -> bytes:
    return b"".join(pieces).strip()


def _unquote(piece: bytes) -> bytes:
    inner = piece[1:-1] if len(piece) > 1 and piece.endswith(b'"') else piece[1:]
    if b"\\" in inner:
        inner = _QUOTED_PAIR.sub(rb"\1", inner)
    return _FOLD.sub(b" ", inner)
