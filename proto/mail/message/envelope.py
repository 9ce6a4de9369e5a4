"""ENVELOPE (RFC 3501 7.4.2, RFC 9051 7.5.2): the header of a message as an IMAP list.

The law: the values are the raw ones, unfolded, with encoded words as they stand; decoding is the client's.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mail.message.address import Group, Mailbox, parse_addresses
from mail.message.header import unfold
from mail.message.limits import DEFAULT, Limits
from mail.message.render import NIL, is_clean, nstring, string

GROUP_END: Final = b"(NIL NIL NIL NIL)"
IN_ENVELOPE: Final = 1  # lists around a field,
IN_ADDRESS: Final = 3  # and around a string of an address
# The pieces of an ENVELOPE as `render` makes them; a literal's bytes follow its head.
_PIECE: Final = re.compile(rb' ?(?:([()])|NIL|"([^"\\]*+(?:\\.[^"\\]*+)*)"|\{([0-9]+)\}\r\n)', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
AddressList = list[Mailbox | Group]
ADDRESSES: Final = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


class Addresses(NamedTuple):
    """The address fields of one header."""

    from_: AddressList
    sender: AddressList
    reply_to: AddressList
    to: AddressList
    cc: AddressList
    bcc: AddressList


def addresses_of(fields: Mapping[bytes, bytes], limits: Limits = DEFAULT) -> Addresses:
    """The address fields taken apart; an absent field is an empty list."""
    return Addresses(
        *[parse_addresses(fields[name], limits.addresses_max) if name in fields else [] for name in ADDRESSES]
    )


def envelope(fields: Mapping[bytes, bytes], addresses: Addresses) -> bytes:
    """The parenthesised list. An absent or empty Sender or Reply-To is as From (RFC 3501 7.4.2)."""
    from_ = _address_list(addresses.from_)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(fields.get(b"date")),
        _text(fields.get(b"subject")),
        from_,
        _address_list(addresses.sender) if addresses.sender else from_,
        _address_list(addresses.reply_to) if addresses.reply_to else from_,
        _address_list(addresses.to),
        _address_list(addresses.cc),
        _address_list(addresses.bcc),
        _text(fields.get(b"in-reply-to")),
        _text(fields.get(b"message-id")),
    )


def strings(envelope: bytes) -> Iterator[tuple[int, int, bytes | None]]:
    """Each string and NIL of the list: the field it is in, how many lists deep, and its value."""
    field = depth = position = 0
    while piece := _PIECE.match(envelope, position):
        position = piece.end()
        bracket, quoted, size = piece.groups()
        if bracket == b"(":
            depth += 1
            continue
        if bracket:
            depth -= 1
        elif quoted is not None:
            yield field, depth, _QUOTED_PAIR.sub(rb"\1", quoted)
        elif size:
            position += int(size)
            yield field, depth, envelope[piece.end() : position]
        else:
            yield field, depth, None
        field += depth == IN_ENVELOPE


def _text(value: bytes | None) -> bytes:
    return NIL if value is None else string(unfold(value))


def _address_list(addresses: AddressList) -> bytes:
    if not addresses:
        return NIL
    out: list[bytes] = []
    for address in addresses:
        if isinstance(address, Mailbox):
            out.append(_mailbox(address))
        else:  # a group begins and ends with markers whose host is NIL
            out.append(b"(NIL NIL %b NIL)" % string(address.name))
            out.extend(map(_mailbox, address.members))
            out.append(GROUP_END)
    return b"(" + b"".join(out) + b")"


def _mailbox(address: Mailbox) -> bytes:
    # A host of NIL would mean group syntax, so an address without one has the empty string.
    name, route, local, domain = address
    if route is None and is_clean(b"%b%b%b" % (name or b"", local, domain)):  # one look instead of three
        if name is None:
            return b'(NIL NIL "%b" "%b")' % (local, domain)
        return b'("%b" NIL "%b" "%b")' % (name, local, domain)
    return b"(%b %b %b %b)" % (nstring(name), nstring(route), string(local), string(domain))
