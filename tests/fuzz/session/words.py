"""Random arguments of IMAP commands, drawn from so few that sessions meet on the same mailboxes and messages.

The law: what leaves here is in the grammar; spoiling it is script.py's.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

MAILBOXES: Final = (
    *(b"INBOX", b"inbox", b"a", b"a/b", b'"b c"', b"Entw&APw-rfe", b"Sent", b"Drafts", b"Trash", b"Archive"),
    *(b'"Other Users/alice/INBOX"', b'"Other Users/alice/a"', b'"Other Users/bob/INBOX"', b"Shared/team/INBOX"),
    *(b"Shared/team/x", b'"Other Users"', b"nowhere", b"a/b/c/d"),
)
FLAGS: Final = (b"\\Seen", b"\\Deleted", b"\\Flagged", b"\\Answered", b"\\Draft", b"$Work", b"Later", b"$MDNSent")
IDENTIFIERS: Final = (b"alice", b"bob", b"carol", b"anyone", b"staff", b"team", b"-bob", b"nobody", b'"a b"')
RIGHTS: Final = (b"l", b"lr", b"lrs", b"lrswipkxtea", b"lrswi", b'""', b"+te", b"-w", b"+a", b"cd", b"kx")
ENTRIES: Final = (
    *(b"/private/comment", b"/shared/comment", b"/private/vendor/x/y", b"/shared/vendor/x/y/z", b"/shared/admin"),
    *(b"/private", b"/shared", b"/private/filters/values/a"),
)
STRINGS: Final = (b"hello", b'"two words"', b'""', b'"K\\"\\\\"', b"a]b", b"bob", b"example", b'"<m1@x.test>"')
DATES: Final = (b"1-Feb-1994", b'"7-Feb-1994"', b"29-Feb-2024", b"31-Dec-9999", b"1-Jan-0001")
DATE_TIMES: Final = (b'" 7-Feb-1994 21:52:25 -0800"', b'"29-Feb-2024 23:59:59 +0530"', b'"31-Dec-9999 23:59:59 +0000"')
CHARSETS: Final = (b"UTF-8", b"US-ASCII", b'"utf-8"', b"ISO-8859-1", b"X-NONE")
ITEMS: Final = (
    *(b"FLAGS", b"UID", b"ENVELOPE", b"INTERNALDATE", b"RFC822.SIZE", b"BODY", b"BODYSTRUCTURE", b"MODSEQ"),
    *(b"SAVEDATE", b"EMAILID", b"THREADID", b"PREVIEW", b"PREVIEW (LAZY)", b"RFC822", b"RFC822.HEADER"),
    *(b"RFC822.TEXT", b"BODY[]", b"BODY.PEEK[]<0.7>", b"BODY[TEXT]<3.100>", b"BODY[1.MIME]", b"BODY[1.1.HEADER]"),
    *(b'BODY.PEEK[HEADER.FIELDS (To SUBJECT "x y")]', b"BODY.PEEK[HEADER.FIELDS.NOT (TO)]", b"BODY[9]", b"BODY[2.1]"),
    *(b"BODY.PEEK[1.2.TEXT]", b"BINARY[1]", b"BINARY.PEEK[2]<0.5>", b"BINARY.SIZE[1]", b"BINARY[]"),
)
STATUS_ITEMS: Final = (
    *(b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"HIGHESTMODSEQ", b"SIZE", b"DELETED"),
    *(b"DELETED-STORAGE", b"APPENDLIMIT", b"MAILBOXID"),
)
SORT_KEYS: Final = (b"ARRIVAL", b"CC", b"DATE", b"FROM", b"SIZE", b"SUBJECT", b"TO", b"DISPLAYFROM", b"DISPLAYTO")
EVENTS: Final = (b"MailboxName", b"SubscriptionChange", b"MailboxMetadataChange", b"ServerMetadataChange")
MESSAGE_EVENTS: Final = (b"MessageNew MessageExpunge", b"MessageNew MessageExpunge FlagChange")
PLACES: Final = (b"personal", b"inboxes", b"subscribed", b"subtree a", b"mailboxes (INBOX a)", b"mailboxes INBOX")
URLS: Final = (b"/INBOX;UID=1", b"/INBOX/;UID=2/;SECTION=TEXT", b"/a;UIDVALIDITY=1/;UID=1", b"imap://x/INBOX;UID=1")

Read = Callable[[random.Random], bytes]


def some(dice: random.Random, words: Sequence[bytes], most: int = 3) -> list[bytes]:
    """One or a few of them, each once."""
    return dice.sample(words, min(len(words), dice.randint(1, most)))


def spaced(dice: random.Random, words: Sequence[bytes], most: int = 3) -> bytes:
    """The same with spaces between."""
    return b" ".join(some(dice, words, most))


def listed(dice: random.Random, words: Sequence[bytes], most: int = 3) -> bytes:
    """The same in parentheses."""
    return b"(%b)" % spaced(dice, words, most)


def mailbox(dice: random.Random) -> bytes:
    """INBOX and `a` most of the time."""
    return dice.choice(MAILBOXES[:3]) if dice.random() < 0.6 else dice.choice(MAILBOXES)


def number(dice: random.Random) -> bytes:
    """Small, or at an end."""
    return b"%d" % dice.choice((1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 9, 100, 4294967295))


def mod_sequence(dice: random.Random) -> bytes:
    """Likewise."""
    return b"%d" % dice.choice((1, 2, 3, 5, 8, 13, 1000, 9223372036854775807))


def numbers(dice: random.Random, *, star: bool = True, dollar: bool = True) -> bytes:
    """sequence-set"""
    if dollar and dice.random() < 0.06:
        return b"$"

    def one() -> bytes:
        return b"*" if star and dice.random() < 0.15 else number(dice)

    parts = [one() if dice.random() < 0.6 else b"%b:%b" % (one(), one()) for _ in range(dice.choice((1, 1, 2, 4)))]
    return b"1:*" if star and dice.random() < 0.35 else b",".join(parts)


def literal(dice: random.Random, content: bytes, *, binary: bool = False) -> bytes:
    """A literal; play.py waits where it is a synchronizing one. A literal8 where `binary`."""
    return b"%b{%d%b}\r\n%b" % (b"~" if binary else b"", len(content), dice.choice((b"", b"+")), content)


def message(dice: random.Random) -> bytes:
    """Whole, odd, or nothing like one."""
    subject = dice.choice((b"hello", b"Re: hello", b"=?utf-8?q?gr=C3=BC=C3=9Fe?=", b"", b"[x] fwd: a", b"\xff\xfe"))
    head = b"From: Bob <bob@x.test>\r\nSubject: %b\r\nMessage-ID: <m%d@x.test>\r\n" % (subject, dice.randrange(6))
    if dice.random() < 0.4:
        head += b"References: <m%d@x.test> <m%d@x.test>\r\n" % (dice.randrange(6), dice.randrange(6))
    if dice.random() < 0.4:
        head += b"Date: Mon, %d Feb 1994 21:52:25 -0800\r\nTo: a@x.test, g: c@x.test;\r\n" % dice.randint(1, 28)
    kind = dice.random()
    if kind < 0.2:
        return head + (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\nContent-Type: message/rfc822"
            b"\r\n\r\nSubject: in\r\n\r\nside\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n--b--\r\n"
        )
    if kind < 0.3:
        return dice.choice((b"", b"\r\n", b"x", b"\n\n\n", b"Subject\r\n\r\n", b": \r\n\r\n\xff", b"A: b"))
    return head + b"\r\n" + b"some text, hello\r\n" * dice.randint(0, 5)


def mix(dice: random.Random, *choices: bytes | Read) -> bytes:
    """One of these."""
    chosen = dice.choice(choices)
    return chosen if isinstance(chosen, bytes) else chosen(dice)


def maybe(dice: random.Random, text: bytes, share: float = 0.5) -> bytes:
    """This, or nothing."""
    return text if dice.random() < share else b""
