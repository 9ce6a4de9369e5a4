"""Every command of IMAP and its extensions with random arguments; a new command is a function and a line in COMMANDS.

The law: what leaves here is in the grammar, without its tag and CRLF; whether it can be done is the server's question.
"""

import random
from typing import Final

from tests.fuzz.session import words
from tests.fuzz.session.words import Read, listed, literal, mailbox, maybe, message, mix, number, numbers, spaced


def _search_key(dice: random.Random, depth: int = 0) -> bytes:
    if depth < 3 and dice.random() < 0.3:
        inner = [_search_key(dice, depth + 1) for _ in range(2)]
        return dice.choice((b"NOT %b" % inner[0], b"OR %b %b" % (inner[0], inner[1]), b"(%b)" % b" ".join(inner)))
    text, date = dice.choice(words.STRINGS), dice.choice(words.DATES)
    return dice.choice(
        (
            *(b"ALL", b"SEEN", b"UNSEEN", b"DELETED", b"FLAGGED", b"NEW", b"OLD", b"RECENT", b"UNANSWERED", b"DRAFT"),
            *(b"%b %b" % (key, text) for key in (b"TEXT", b"BODY", b"SUBJECT", b"FROM", b"TO", b"CC", b"BCC")),
            *(b"%b %b" % (key, date) for key in (b"SINCE", b"BEFORE", b"ON", b"SENTSINCE", b"SENTBEFORE", b"SENTON")),
            *(b"%b %b" % (key, date) for key in (b"SAVEDSINCE", b"SAVEDBEFORE", b"SAVEDON")),
            *(b"%b %b" % (key, number(dice)) for key in (b"LARGER", b"SMALLER", b"OLDER", b"YOUNGER")),
            *(b"HEADER message-id %b" % text, b"KEYWORD $Work", b"UNKEYWORD Later", b"SAVEDATESUPPORTED"),
            *(numbers(dice), b"UID " + numbers(dice), b"FUZZY TEXT " + text, b"EMAILID x", b"THREADID y"),
            *(b"MODSEQ " + words.mod_sequence(dice), b'MODSEQ "/flags/\\\\Seen" all 3'),
        )
    )


def _keys(dice: random.Random) -> bytes:
    return b" ".join(_search_key(dice) for _ in range(dice.choice((1, 1, 2, 3))))


def _returns(dice: random.Random) -> bytes:
    options = words.some(dice, (b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE", b"UPDATE", b"CONTEXT"), 4)
    if b"ALL" not in options and dice.random() < 0.3:
        options.append(dice.choice((b"PARTIAL 1:3", b"PARTIAL -1:-2", b"PARTIAL 500:600")))
    return b"RETURN (%b) " % b" ".join(options if dice.random() < 0.9 else [])


def _uid(dice: random.Random) -> bytes:
    return dice.choice((b"", b"UID "))


def _search(dice: random.Random) -> bytes:
    charset = maybe(dice, b"CHARSET %b " % dice.choice(words.CHARSETS), 0.2)
    return b"%bSEARCH %b%b%b" % (_uid(dice), maybe(dice, _returns(dice)), charset, _keys(dice))


def _sort(dice: random.Random) -> bytes:
    keys = b" ".join(maybe(dice, b"REVERSE ") + key for key in words.some(dice, words.SORT_KEYS))
    charset = dice.choice(words.CHARSETS)
    return b"%bSORT %b(%b) %b %b" % (_uid(dice), maybe(dice, _returns(dice)), keys, charset, _keys(dice))


def _thread(dice: random.Random) -> bytes:
    algorithm = dice.choice((b"REFERENCES", b"ORDEREDSUBJECT", b"REFS"))
    return b"%bTHREAD %b %b %b" % (_uid(dice), algorithm, dice.choice(words.CHARSETS), _keys(dice))


def _esearch(dice: random.Random) -> bytes:
    places = maybe(dice, b"IN (%b) " % dice.choice((*words.PLACES, b"selected", b"subtree-one a")))
    returns = _returns(dice)
    if places and b"SAVE" in returns:  # of the selected mailbox alone (RFC 7377 2.2)
        places = b"IN (selected) "
    return b"ESEARCH %b%b%b" % (places, maybe(dice, returns), _keys(dice))


def _fetch(dice: random.Random) -> bytes:
    items = mix(dice, b"ALL", b"FAST", b"FULL", lambda dice: listed(dice, words.ITEMS, 4))
    uid, modifiers = _uid(dice), b""
    if dice.random() < 0.3:
        since = b"CHANGEDSINCE " + words.mod_sequence(dice)
        modifiers = b" (%b)" % dice.choice(
            (since, since + b" VANISHED", b"PARTIAL 1:2", b"PARTIAL -1:-3") if uid else (since,)
        )
    return b"%bFETCH %b %b%b" % (uid, numbers(dice), items, modifiers)


def _store(dice: random.Random) -> bytes:
    unchanged = maybe(dice, b"(UNCHANGEDSINCE %b) " % words.mod_sequence(dice), 0.2)
    change = dice.choice((b"FLAGS", b"+FLAGS", b"-FLAGS")) + maybe(dice, b".SILENT", 0.3)
    return b"%bSTORE %b %b%b %b" % (_uid(dice), numbers(dice), unchanged, change, listed(dice, words.FLAGS))


def _select(dice: random.Random) -> bytes:
    known = b"1:%b" % number(dice) if dice.random() < 0.5 else numbers(dice, star=False, dollar=False)
    match = b" (%b %b)" % (known, known)
    state = b"QRESYNC (%d %b%b)" % (dice.choice((1, 1, 7)), words.mod_sequence(dice), maybe(dice, b" " + known + match))
    parameter = dice.choice((b"", b"", b" (CONDSTORE)", b" (%b)" % state))
    return b"%b %b%b" % (dice.choice((b"SELECT", b"SELECT", b"SELECT", b"EXAMINE")), mailbox(dice), parameter)


def _append(dice: random.Random) -> bytes:
    return b"APPEND %b%b" % (mailbox(dice), b"".join(_letter(dice) for _ in range(dice.choice((1, 1, 1, 2, 3)))))


def _letter(dice: random.Random) -> bytes:
    """append-message (RFC 3502), with CATENATE, UTF8 and binary content"""
    flags = maybe(dice, b" " + listed(dice, words.FLAGS))
    date = maybe(dice, b" " + dice.choice(words.DATE_TIMES), 0.3)
    kind = dice.random()
    if kind < 0.7:
        content = literal(dice, message(dice))
    elif kind < 0.8:
        content = literal(dice, message(dice) + b"\0", binary=True)
    elif kind < 0.9:
        text = b"TEXT " + literal(dice, message(dice))
        content = b"CATENATE (%b URL %b)" % (text, dice.choice(words.URLS))
    else:
        content = b"UTF8 (%b)" % literal(dice, message(dice), binary=True)
    return b"%b%b %b" % (flags, date, content)


def _replace(dice: random.Random) -> bytes:
    return b"%bREPLACE %b %b%b" % (_uid(dice), number(dice), mailbox(dice), _letter(dice))


def _list(dice: random.Random) -> bytes:
    selection = maybe(
        dice,
        b" (%b)" % mix(dice, b"SUBSCRIBED", b"SUBSCRIBED RECURSIVEMATCH", b"SPECIAL-USE", b"REMOTE", b""),
        0.3,
    )
    pattern = dice.choice((b"*", b"%", b'""', b"a%", b"(INBOX a/* %)", b'"Other Users/%/*"', b"Shared/*", b"INBOX"))
    returns = b" RETURN (%b)" % spaced(
        dice,
        (
            *(b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS", b"STATUS %b" % listed(dice, words.STATUS_ITEMS)),
            b"METADATA %b" % listed(dice, words.ENTRIES[:5]),
        ),
    )
    return b"LIST%b %b %b%b" % (selection, mix(dice, b'""', b"a", b"Shared/"), pattern, maybe(dice, returns))


def _notify(dice: random.Random) -> bytes:
    if dice.random() < 0.2:
        return b"NOTIFY NONE"
    fetched = maybe(dice, b" (%b)" % spaced(dice, (b"UID", b"FLAGS", b"ENVELOPE", b"BODY.PEEK[TEXT]", b"MODSEQ")))
    selected = b"(%b (MessageNew%b MessageExpunge%b))" % (
        dice.choice((b"selected", b"selected-delayed")),
        fetched,
        maybe(dice, b" FlagChange"),
    )
    groups = [selected] if dice.random() < 0.6 else []
    for place in words.some(dice, words.PLACES, 2):
        chosen = b" ".join([*words.some(dice, words.EVENTS), *maybe(dice, dice.choice(words.MESSAGE_EVENTS)).split()])
        groups.append(b"(%b %b)" % (place, mix(dice, b"NONE", b"(%b)" % chosen)))
    return b"NOTIFY SET %b%b" % (maybe(dice, b"STATUS "), b" ".join(groups))


def _set_metadata(dice: random.Random) -> bytes:
    def value() -> bytes:
        return mix(dice, b"NIL", b'"v"', b'""', lambda dice: literal(dice, b"a\0b", binary=True))

    entries = words.some(dice, words.ENTRIES[:5], 2)
    return b"SETMETADATA %b (%b)" % (
        mix(dice, b'""', mailbox),
        b" ".join(b"%b %b" % (one, value()) for one in entries),
    )


def _get_metadata(dice: random.Random) -> bytes:
    options = maybe(dice, b"(%b) " % mix(dice, b"DEPTH 1", b"DEPTH infinity", b"MAXSIZE 3", b"MAXSIZE 2 DEPTH 0"), 0.4)
    entries = mix(dice, dice.choice(words.ENTRIES), listed(dice, words.ENTRIES))
    return b"GETMETADATA %b%b %b" % (options, mix(dice, b'""', mailbox), entries)


def _url_fetch(dice: random.Random) -> bytes:
    url = dice.choice(words.URLS) + b";urlauth=anonymous:internal:" + b"0123456789abcdef" * 2
    return b"URLFETCH %b" % mix(dice, b'"%b"' % url, b'("%b" BODYPARTSTRUCTURE BINARY)' % url, b'("%b" BODY)' % url)


def _gen_url_auth(dice: random.Random) -> bytes:
    access = dice.choice((b"anonymous", b"user+bob", b"submit+alice", b"authuser", b"stream"))
    return b'GENURLAUTH "imap://alice@x.test%b;URLAUTH=%b" INTERNAL' % (dice.choice(words.URLS[:3]), access)


def _set_quota(dice: random.Random) -> bytes:
    limits = mix(dice, b"()", b"(STORAGE 100)", b"(MESSAGE 10 STORAGE 5)", b"(MAILBOX 3)", b"(STORAGE 0)")
    return b"SETQUOTA %b %b" % (mix(dice, b'""', b"alice", b"team"), limits)


def _named(name: bytes) -> Read:
    return lambda dice: name + b" " + mailbox(dice)


def _plain(name: bytes) -> Read:
    return lambda _dice: name


def _set_acl(dice: random.Random) -> bytes:
    return b"SETACL %b %b %b" % (mailbox(dice), dice.choice(words.IDENTIFIERS), dice.choice(words.RIGHTS))


# How often, and what.
COMMANDS: Final[tuple[tuple[int, Read], ...]] = (
    (2, _plain(b"CAPABILITY")),
    (8, _plain(b"NOOP")),
    (1, _plain(b"CHECK")),
    (2, _plain(b"CLOSE")),
    (1, _plain(b"UNSELECT")),
    (5, _plain(b"EXPUNGE")),
    (2, _plain(b"NAMESPACE")),
    (1, _plain(b"LOGOUT")),
    (1, _plain(b"STARTTLS")),
    (1, _plain(b"UNAUTHENTICATE")),
    (1, _plain(b"COMPRESS DEFLATE")),
    (2, _plain(b"GETJMAPACCESS")),
    (5, _plain(b"IDLE")),
    (1, lambda dice: b"LOGIN %b %b" % (dice.choice((b"alice", b"bob", b"x")), dice.choice((b"demo", b'"no"')))),
    (1, lambda dice: b"AUTHENTICATE %b" % dice.choice((b"PLAIN", b"PLAIN AGFsaWNlAGRlbW8=", b"X =", b"PLAIN ="))),
    (1, lambda dice: b"ID %b" % mix(dice, b"NIL", b"()", b'("name" "x" "os" NIL)')),
    (
        4,
        lambda dice: (
            b"ENABLE "
            + spaced(dice, (b"CONDSTORE", b"QRESYNC", b"UTF8=ACCEPT", b"IMAP4rev2", b"UIDONLY", b"X", b"MESSAGELIMIT"))
        ),
    ),
    (16, _select),
    (5, lambda dice: b"CREATE " + mailbox(dice) + maybe(dice, b" (USE (\\Sent))", 0.2)),
    (3, _named(b"DELETE")),
    (3, lambda dice: b"RENAME %b %b" % (mailbox(dice), mailbox(dice))),
    (2, _named(b"SUBSCRIBE")),
    (2, _named(b"UNSUBSCRIBE")),
    (5, _list),
    (2, lambda dice: b'LSUB "" %b' % dice.choice((b"*", b"%", b"a*"))),
    (4, lambda dice: b"STATUS %b %b" % (mailbox(dice), listed(dice, words.STATUS_ITEMS, 6))),
    (14, _append),
    (6, _replace),
    (10, _fetch),
    (10, _store),
    (7, _search),
    (5, _sort),
    (4, _thread),
    (4, _esearch),
    (1, lambda dice: b'CANCELUPDATE "%b"' % dice.choice((b"t1", b"t5", b"x"))),
    (7, lambda dice: b"%bCOPY %b %b" % (_uid(dice), numbers(dice), mailbox(dice))),
    (7, lambda dice: b"%bMOVE %b %b" % (_uid(dice), numbers(dice), mailbox(dice))),
    (3, lambda dice: b"UID EXPUNGE " + numbers(dice)),
    (2, lambda dice: b"UIDBATCHES %b" % mix(dice, b"1", b"500", b"10000", b"500 1:2", b"2000 9:9")),
    (4, _notify),
    (4, _set_metadata),
    (4, _get_metadata),
    (5, _set_acl),
    (2, lambda dice: b"DELETEACL %b %b" % (mailbox(dice), dice.choice(words.IDENTIFIERS))),
    (2, _named(b"GETACL")),
    (2, _named(b"MYRIGHTS")),
    (2, lambda dice: b"LISTRIGHTS %b %b" % (mailbox(dice), dice.choice(words.IDENTIFIERS))),
    (2, _named(b"GETQUOTAROOT")),
    (2, lambda dice: b"GETQUOTA %b" % mix(dice, b'""', b"alice", b"team", b"nowhere")),
    (2, _set_quota),
    (2, _url_fetch),
    (2, _gen_url_auth),
    (1, lambda dice: b"RESETKEY%b" % mix(dice, b"", b" INBOX", b" a INTERNAL")),
)
_WEIGHTS: Final = [often for often, _read in COMMANDS]


def command(dice: random.Random) -> bytes:
    """Any of them."""
    ((_often, read),) = dice.choices(COMMANDS, _WEIGHTS)
    return read(dice)
