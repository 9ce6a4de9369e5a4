"""What a server says of rights, quota, annotations and JMAP, octet for octet. One function, one line with its CRLF.

The law: what a client or a user named goes out as an astring, so that it stays one word whatever it holds.
"""

from collections.abc import Iterable, Mapping

from mail.imap.render import astring, mailbox, nstring, quoted


def acl_line(name: str, rights: Mapping[str, str], *, utf8: bool = False) -> bytes:
    """RFC 4314 3.6: identifiers and their rights, in the order given."""
    pairs = [b" " + _text(who, utf8=utf8) + b" " + _text(what) for who, what in rights.items()]
    return b"* ACL %b%b\r\n" % (mailbox(name, utf8=utf8), b"".join(pairs))


def list_rights_line(name: str, identifier: str, always: str, tied: Iterable[str], *, utf8: bool = False) -> bytes:
    """RFC 4314 3.7: rights the identifier always has, and those that may be given, the ones tied together as one."""
    sets = b" ".join(_text(rights) for rights in (always, *tied))
    return b"* LISTRIGHTS %b %b %b\r\n" % (mailbox(name, utf8=utf8), _text(identifier, utf8=utf8), sets)


def my_rights_line(name: str, rights: str, *, utf8: bool = False) -> bytes:
    """RFC 4314 3.8."""
    return b"* MYRIGHTS %b %b\r\n" % (mailbox(name, utf8=utf8), _text(rights))


def quota_line(root: str, resources: Mapping[str, tuple[int, int]], *, utf8: bool = False) -> bytes:
    """RFC 9208 4.2.1: of each resource the usage and the limit. Without any: nothing is limited."""
    triplets = b" ".join(b"%b %d %d" % (name.encode("ascii"), *counts) for name, counts in resources.items())
    return b"* QUOTA %b (%b)\r\n" % (_text(root, utf8=utf8), triplets)


def quota_root_line(name: str, roots: Iterable[str], *, utf8: bool = False) -> bytes:
    """RFC 9208 4.2.2."""
    return b"* QUOTAROOT %b%b\r\n" % (
        mailbox(name, utf8=utf8),
        b"".join(b" " + _text(root, utf8=utf8) for root in roots),
    )


def metadata_line(name: str, values: Mapping[str, bytes | None], *, utf8: bool = False) -> bytes:
    """RFC 5464 4.4.1: entries, of which there is at least one, and their values; `""` is the server."""
    pairs = b" ".join(_text(entry) + b" " + _value(value, utf8=utf8) for entry, value in values.items())
    return b"* METADATA %b (%b)\r\n" % (mailbox(name, utf8=utf8), pairs)


def metadata_changed_line(name: str, entries: Iterable[str], *, utf8: bool = False) -> bytes:
    """RFC 5464 4.4.2: entries that somebody changed, of which there is at least one. Unasked, without values."""
    return b"* METADATA %b %b\r\n" % (mailbox(name, utf8=utf8), b" ".join(map(_text, entries)))


def jmap_access_line(url: str) -> bytes:
    """RFC 9698 3: where the JMAP session resource is. A URL is ASCII (RFC 3986)."""
    return b"* JMAPACCESS %b\r\n" % quoted(url.encode("ascii"))


def _text(value: str, *, utf8: bool = False) -> bytes:
    return astring(value.encode(), utf8=utf8)


def _value(value: bytes | None, *, utf8: bool) -> bytes:
    """value = nstring / literal8 ; only the last can hold NUL (RFC 5464 5)"""
    if value is not None and b"\0" in value:
        return b"~{%d}\r\n%b" % (len(value), value)
    return nstring(value, utf8=utf8)
