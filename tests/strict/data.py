"""Untagged responses that are neither status nor about one message: mailboxes, searches, rights and the rest.

The law: each function reads what stands behind its word, and gives it as plain values.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.strict.codes import capabilities, object_id
from tests.strict.cursor import Cursor
from tests.strict.fetching import structure

_SELECTABILITY: Final = frozenset({"\\NonExistent", "\\Noselect", "\\Marked", "\\Unmarked"})
_LIST_ITEMS: Final = frozenset({b"CHILDINFO", b"OLDNAME"})  # RFC 5258 4, RFC 5465 5.4
_RESOURCES: Final = frozenset({"STORAGE", "MESSAGE", "MAILBOX", "ANNOTATION-STORAGE"})  # RFC 9208 5
_PARTIAL: Final = re.compile(rb"-?[1-9][0-9]*:-?[1-9][0-9]*")


class Found(NamedTuple):
    """ESEARCH (RFC 4731, 5267, 7377, 9394)."""

    tag: bytes | None
    mailbox: str | None
    uid: bool
    data: dict[str, Any]


def listed(cursor: Cursor) -> tuple[list[str], bytes | None, str, dict[bytes, Any]]:
    """mailbox-list: attributes, delimiter, name, extended items."""
    cursor.sp()
    attributes = cursor.listed(cursor.flag, empty=True)
    assert len(attributes) == len(set(attributes)), attributes
    assert len(_SELECTABILITY & set(attributes)) <= 1, attributes
    assert not {"\\HasChildren", "\\HasNoChildren"} <= set(attributes), attributes
    cursor.sp()
    delimiter = None if cursor.nil() else cursor.quoted()
    assert delimiter is None or len(delimiter) == 1
    cursor.sp()
    name = cursor.mailbox()
    items: dict[bytes, Any] = {}

    def item() -> None:
        word = cursor.astring()
        assert word in _LIST_ITEMS, word
        assert word not in items, word
        cursor.sp()
        items[word] = cursor.listed(cursor.quoted if word == b"CHILDINFO" else cursor.mailbox)

    if cursor.take(b" "):
        cursor.listed(item)
    return attributes, delimiter, name, items


_STATUS: Final[dict[str, Callable[[Cursor], Any]]] = {
    "MESSAGES": Cursor.number,
    "RECENT": Cursor.number,
    "UNSEEN": Cursor.number,
    "DELETED": Cursor.number,
    "UIDNEXT": lambda cursor: cursor.number(1),
    "UIDVALIDITY": lambda cursor: cursor.number(1),
    "SIZE": Cursor.number64,
    "DELETED-STORAGE": Cursor.number64,
    "HIGHESTMODSEQ": Cursor.number64,
    "APPENDLIMIT": lambda cursor: None if cursor.nil() else cursor.number(),
    "MAILBOXID": object_id,
}


def status(cursor: Cursor) -> tuple[str, dict[str, Any]]:
    """ "STATUS" SP mailbox SP "(" [status-att-list] ")" """
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    found: dict[str, Any] = {}

    def item() -> None:
        word = cursor.atom().decode("ascii")
        assert word not in found, word
        cursor.sp()
        found[word] = _STATUS[word](cursor)

    cursor.listed(item, empty=True)
    return name, found


def numbers(cursor: Cursor) -> tuple[list[int], int | None]:
    """SEARCH and SORT: numbers, and the highest MODSEQ (RFC 7162 7), which is never said of nothing."""
    found: list[int] = []
    while cursor.take(b" "):
        if found and cursor.take(b"(MODSEQ "):
            highest = cursor.number64(1)
            cursor.expect(b")")
            return found, highest
        found.append(cursor.number(1))
    assert len(found) == len(set(found)), "a number is said twice"
    return found, None


def esearch(cursor: Cursor) -> Found:
    """esearch-response"""
    tag: bytes | None = None
    mailbox: str | None = None
    if cursor.take(b" ("):
        while True:
            if cursor.take(b"TAG "):
                tag = cursor.astring()
            elif cursor.take(b"MAILBOX "):
                mailbox = cursor.mailbox()
            else:
                cursor.expect(b"UIDVALIDITY ")
                cursor.number(1)
            if cursor.take(b")"):
                break
            cursor.sp()
    uid = cursor.take(b" UID")
    data: dict[str, Any] = {}
    while cursor.take(b" "):
        word = cursor.atom().decode("ascii")
        assert word not in data or word in ("ADDTO", "REMOVEFROM"), f"{word} is said twice"
        cursor.sp()
        data[word] = _ESEARCH[word](cursor)
    return Found(tag, mailbox, uid, data)


def _partial(cursor: Cursor) -> tuple[bytes, list[int]]:
    """ "(" partial-range SP partial-results ")" (RFC 9394 4)"""
    cursor.expect(b"(")
    asked = cursor.match(_PARTIAL, "a range")[0]
    cursor.sp()
    found = [] if cursor.nil() else cursor.uid_set()
    cursor.expect(b")")
    return asked, found


def _updates(cursor: Cursor) -> list[tuple[int, list[int]]]:
    """ "(" context-position SP sequence-set *(SP context-position SP sequence-set) ")" (RFC 5267 5)"""

    def one() -> tuple[int, list[int]]:
        place = cursor.number()
        cursor.sp()
        return place, cursor.uid_set()

    return cursor.listed(one)


_ESEARCH: Final[dict[str, Callable[[Cursor], Any]]] = {
    "MIN": lambda cursor: cursor.number(1),
    "MAX": lambda cursor: cursor.number(1),
    "ALL": Cursor.uid_set,
    "COUNT": Cursor.number,
    "MODSEQ": lambda cursor: cursor.number64(1),
    "PARTIAL": _partial,
    "RELEVANCY": lambda cursor: cursor.listed(lambda: cursor.number(1, 100), empty=True),
    "ADDTO": _updates,
    "REMOVEFROM": _updates,
}


def thread(cursor: Cursor) -> list[int]:
    """THREAD (RFC 5256 5): [SP 1*thread-list]. All numbers, each once."""
    found: list[int] = []
    if cursor.take(b" "):
        assert cursor.peek(b"("), "no threads and a space"
        while cursor.peek(b"("):
            _thread(cursor, found)
    assert len(found) == len(set(found)), "a number is said twice"
    return found


def _thread(cursor: Cursor, found: list[int]) -> None:
    """thread-list = "(" (thread-members / thread-nested) ")", however deep: without recursion."""
    open_lists = [0]  # of each open list how many lists stand in it
    cursor.expect(b"(")
    fresh = True  # "(" was just read
    while open_lists:
        if cursor.take(b"("):
            assert fresh or open_lists[-1], "a list behind members has a space before it"
            open_lists[-1] += 1
            open_lists.append(0)
            fresh = True
        elif cursor.take(b")"):
            assert not fresh, "an empty list"
            assert open_lists.pop() != 1, "one nested list alone (thread-nested = 2*thread-list)"
        else:
            assert not open_lists[-1], "members behind a nested list"
            if not fresh:
                cursor.sp()
            if cursor.peek(b"("):
                cursor.take(b"(")
                open_lists[-1] += 1
                open_lists.append(0)
                fresh = True
                continue
            found.append(cursor.number(1))
            fresh = False


def namespace(cursor: Cursor) -> list[list[tuple[bytes, bytes | None]]]:
    """Three namespaces of prefixes and delimiters (RFC 2342 6)."""
    found = []
    for _ in range(3):
        cursor.sp()
        spaces: list[tuple[bytes, bytes | None]] = []
        if not cursor.nil():
            cursor.expect(b"(")
            while not cursor.take(b")"):
                cursor.expect(b"(")
                prefix = cursor.string()
                cursor.sp()
                spaces.append((prefix, None if cursor.nil() else cursor.quoted()))
                cursor.expect(b")")
            assert spaces
        found.append(spaces)
    return found


def identification(cursor: Cursor) -> list[tuple[bytes, bytes | None]]:
    """ID (RFC 2971 4)"""
    cursor.sp()
    if cursor.nil():
        return []

    def pair() -> tuple[bytes, bytes | None]:
        key = cursor.string()
        cursor.sp()
        return key, cursor.nstring()

    return cursor.listed(pair)


def acl(cursor: Cursor) -> tuple[str, dict[bytes, bytes]]:
    """ACL (RFC 4314 4)"""
    cursor.sp()
    name, rights = cursor.mailbox(), {}
    while cursor.take(b" "):
        who = cursor.astring()
        assert who not in rights, who
        cursor.sp()
        rights[who] = cursor.astring()
    return name, rights


def list_rights(cursor: Cursor) -> tuple[str, bytes, list[bytes]]:
    """LISTRIGHTS (RFC 4314 4)"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    who = cursor.astring()
    cursor.sp()
    rights = [cursor.astring(), *cursor.more(cursor.astring)]
    letters = b"".join(rights)
    assert len(set(letters)) == len(letters), f"a right is in two sets: {rights}"
    return name, who, rights


def my_rights(cursor: Cursor) -> tuple[str, bytes]:
    """MYRIGHTS (RFC 4314 4)"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    return name, cursor.astring()


def quota(cursor: Cursor) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """QUOTA (RFC 9208 7)"""
    cursor.sp()
    root = cursor.astring()
    cursor.sp()
    found: dict[str, tuple[int, int]] = {}

    def resource() -> None:
        word = cursor.atom().decode("ascii")
        assert word in _RESOURCES, word
        assert word not in found, word
        cursor.sp()
        used = cursor.number64()
        cursor.sp()
        found[word] = used, cursor.number64()

    cursor.listed(resource, empty=True)
    return root, found


def quota_root(cursor: Cursor) -> tuple[str, list[bytes]]:
    """QUOTAROOT (RFC 9208 7)"""
    cursor.sp()
    return cursor.mailbox(), cursor.more(cursor.astring)


def metadata(cursor: Cursor) -> tuple[str, dict[bytes, bytes | None]]:
    """METADATA: entries with values, or the names of changed ones (RFC 5464 5)."""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    found: dict[bytes, bytes | None] = {}

    def entry() -> bytes:
        word = cursor.astring()
        assert re.fullmatch(rb"/(?:private|shared)/[^*%\x00-\x1f\x7f-\xff]+", word.lower()), word
        assert word not in found, word
        found[word] = None
        return word

    def entry_value() -> None:
        word = entry()
        cursor.sp()
        found[word] = cursor.nstring8()

    if cursor.peek(b"("):
        cursor.listed(entry_value)
    else:
        entry()
        cursor.more(entry)
    return name, found


def vanished(cursor: Cursor) -> tuple[bool, list[int]]:
    """VANISHED (RFC 7162 7): whether (EARLIER), and the UIDs."""
    earlier = cursor.take(b" (EARLIER)")
    cursor.sp()
    return earlier, cursor.uid_set()


def uid_batches(cursor: Cursor) -> tuple[bytes, list[int]]:
    """UIDBATCHES (RFC 10022)"""
    cursor.expect(b" (TAG ")
    tag = cursor.quoted()
    cursor.expect(b")")
    return tag, cursor.uid_set() if cursor.take(b" ") else []


def url_fetch(cursor: Cursor) -> dict[bytes | tuple[bytes, bytes], Any]:
    """URLFETCH (RFC 4467 9, RFC 5524 5): of a URL its octets, or of a URL and a parameter what it asked for."""
    found: dict[bytes | tuple[bytes, bytes], Any] = {}
    while cursor.take(b" "):
        url = cursor.astring()
        cursor.sp()
        if not cursor.peek(b"("):
            found[url] = cursor.nstring()
            continue
        while True:
            cursor.expect(b"(")
            word = cursor.atom()
            cursor.sp()
            found[url, word] = _url_part(cursor, word)
            cursor.expect(b")")
            if not cursor.text.startswith(b" (", cursor.at):
                break
            cursor.sp()
    return found


def _url_part(cursor: Cursor, word: bytes) -> Any:
    if cursor.nil():
        return None
    if word == b"BODYPARTSTRUCTURE":
        return structure(cursor)
    assert word in (b"BODY", b"BINARY"), word
    return cursor.nstring8() if word == b"BINARY" else cursor.nstring()


def enabled(cursor: Cursor) -> list[str]:
    """ENABLED (RFC 5161 4)"""
    return [word.decode("ascii") for word in cursor.more(cursor.atom)]


def _flags(cursor: Cursor) -> list[str]:
    cursor.sp()
    return cursor.listed(cursor.flag, empty=True)


def _words(cursor: Cursor) -> list[bytes]:
    found = cursor.more(cursor.astring)
    assert found
    return found


DATA: Final[dict[str, Callable[[Cursor], Any]]] = {
    "CAPABILITY": capabilities,
    "ENABLED": enabled,
    "FLAGS": _flags,
    "LIST": listed,
    "LSUB": listed,
    "STATUS": status,
    "SEARCH": numbers,
    "SORT": numbers,
    "ESEARCH": esearch,
    "THREAD": thread,
    "NAMESPACE": namespace,
    "ID": identification,
    "ACL": acl,
    "LISTRIGHTS": list_rights,
    "MYRIGHTS": my_rights,
    "QUOTA": quota,
    "QUOTAROOT": quota_root,
    "METADATA": metadata,
    "VANISHED": vanished,
    "JMAPACCESS": _words,
    "UIDBATCHES": uid_batches,
    "URLFETCH": url_fetch,
    "GENURLAUTH": _words,
}
