"""Response codes (RFC 9051 7.1 and the extensions of it), each with what may stand behind its name.

The law: a code that nobody has registered is an AssertionError, however well it is formed.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from tests.strict.cursor import Cursor

_TEXT: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x5c\x5e-\x7f]+")  # 1*<any TEXT-CHAR except "]">
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_ENTRY: Final = re.compile(rb"LONGENTRIES |MAXSIZE |TOOMANY|NOPRIVATE")
_EVENTS: Final = frozenset(
    {
        *("MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange", "MailboxName", "SubscriptionChange"),
        *("MailboxMetadataChange", "ServerMetadataChange"),
    }
)

# RFC 3501 7.1, 5530 3, 7162 7, 4315 3, 9051 7.1, 5465 8, 4978 3, 3516 4.3, 5255, 7889 4, 4469 4.2, 9586, 6154 3, 5182
ALONE: Final = frozenset(
    {
        *("ALERT", "PARSE", "READ-ONLY", "READ-WRITE", "TRYCREATE", "UIDNOTSTICKY", "UNAVAILABLE"),
        *("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN", "NOPERM"),
        *("INUSE", "EXPUNGEISSUED", "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA"),
        *("ALREADYEXISTS", "NONEXISTENT", "NOTSAVED", "HASCHILDREN", "CLOSED", "UNKNOWN-CTE", "NOMODSEQ"),
        *("NOTIFICATIONOVERFLOW", "COMPRESSIONACTIVE", "TOOBIG", "UIDREQUIRED", "USEATTR", "TOOFEW", "TOOMANY"),
    }
)


def code(cursor: Cursor) -> tuple[str, Any]:
    """resp-text-code: its name and what it says."""
    name = cursor.atom().decode("ascii")
    if name in ALONE:
        return name, None
    if name not in WITH:
        raise AssertionError(f"unknown response code {name} in {cursor.text[:200]!r}")
    return name, WITH[name](cursor)


def capabilities(cursor: Cursor) -> list[str]:
    """*(SP capability), of which one says what IMAP this is."""
    words = [word.decode("ascii") for word in cursor.more(cursor.atom)]
    assert {"IMAP4rev1", "IMAP4rev2"} & set(words), words
    assert len(words) == len(set(words)), f"said twice: {words}"
    return words


def object_id(cursor: Cursor) -> str:
    """ "(" objectid ")" (RFC 8474 7)"""
    cursor.expect(b"(")
    found = cursor.match(_OBJECT_ID, "an object id")[0].decode()
    cursor.expect(b")")
    return found


def _after_space(read: Callable[[Cursor], Any]) -> Callable[[Cursor], Any]:
    def reading(cursor: Cursor) -> Any:
        cursor.sp()
        return read(cursor)

    return reading


def _bad_charset(cursor: Cursor) -> list[bytes]:
    return cursor.listed(cursor.astring) if cursor.take(b" ") else []


def _permanent(cursor: Cursor) -> list[str]:
    """flag-perm = flag / "\\*" """
    return cursor.listed(lambda: "\\*" if cursor.take(b"\\*") else cursor.flag(), empty=True)


def _appended(cursor: Cursor) -> tuple[int, list[int]]:
    validity = cursor.number(1)
    cursor.sp()
    return validity, cursor.uid_set()


def _copied(cursor: Cursor) -> tuple[int, list[int], list[int]]:
    validity, source = _appended(cursor)
    cursor.sp()
    target = cursor.uid_set()
    assert len(source) == len(target), "COPYUID's sets differ in size (RFC 4315 3)"
    return validity, source, target


def _metadata(cursor: Cursor) -> str:
    """RFC 5464 5, resp-text-code"""
    word = cursor.match(_ENTRY, "a code of METADATA")[0]
    if word.endswith(b" "):
        cursor.number()
    return word.decode().strip()


def _bad_event(cursor: Cursor) -> list[str]:
    events = [event.decode() for event in cursor.listed(cursor.atom)]
    assert set(events) <= _EVENTS, events
    return events


def _message_limit(cursor: Cursor) -> tuple[int, int | None]:
    limit = cursor.number(1)
    return limit, cursor.number(1) if cursor.take(b" ") else None


def _in_progress(cursor: Cursor) -> Any:
    """ "INPROGRESS" [SP "(" (quoted / nil) SP (number / nil) SP (number / nil) ")"] (RFC 9585 7)"""
    if not cursor.take(b" ("):
        return None
    tag = None if cursor.nil() else cursor.quoted()
    cursor.sp()
    done = None if cursor.nil() else cursor.number()
    cursor.sp()
    goal = None if cursor.nil() else cursor.number(1)
    cursor.expect(b")")
    assert goal is None or (done is not None and done <= goal), "a goal, and how much of it?"
    return tag, done, goal


WITH: Final[dict[str, Callable[[Cursor], Any]]] = {
    "BADCHARSET": _bad_charset,
    "CAPABILITY": capabilities,
    "PERMANENTFLAGS": _after_space(_permanent),
    "UIDNEXT": _after_space(lambda cursor: cursor.number(1)),
    "UIDVALIDITY": _after_space(lambda cursor: cursor.number(1)),
    "UNSEEN": _after_space(lambda cursor: cursor.number(1)),
    "APPENDUID": _after_space(_appended),
    "COPYUID": _after_space(_copied),
    "HIGHESTMODSEQ": _after_space(lambda cursor: cursor.number64(1)),
    "MODIFIED": _after_space(Cursor.uid_set),
    "MAILBOXID": _after_space(object_id),
    "METADATA": _after_space(_metadata),
    "BADEVENT": _after_space(_bad_event),
    "BADURL": _after_space(lambda cursor: cursor.match(_TEXT, "a URL")[0]),
    "URLMECH": lambda cursor: cursor.more(cursor.atom),
    "BADCOMPARATOR": lambda _cursor: None,
    "NOUPDATE": _after_space(Cursor.quoted),
    "MESSAGELIMIT": _after_space(_message_limit),
    "INPROGRESS": _in_progress,
}
