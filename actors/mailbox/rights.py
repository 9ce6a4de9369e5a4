"""Who may do what with another's mailbox (RFC 4314), and what each command needs. Pure.

The law: an owner may do everything with his mailboxes, always; anybody else what the ACL gives one of his names, less
what a negative entry of one of them takes. What is not allowed is refused before anything is decided, and a mailbox
that may not even be looked up is answered like one that is not there.
"""

from typing import Final

from actors.mailbox.types import DELETED, SEEN, Acl, Item, Who
from cluster.errors import NoRight, NotFound

LOOKUP: Final = "l"  # be told of it
READ: Final = "r"  # SELECT, FETCH, SEARCH, COPY from it
SEEN_: Final = "s"  # keep \Seen
WRITE: Final = "w"  # change other flags, and shared annotations
INSERT: Final = "i"  # APPEND, COPY into it
POST: Final = "p"  # send mail to it; told, not used
MAKE: Final = "k"  # CREATE below it, RENAME to below it
REMOVE: Final = "x"  # DELETE it, RENAME it
DELETE: Final = "t"  # change \Deleted
EXPUNGE: Final = "e"
ADMINISTER: Final = "a"  # change its ACL
ALL: Final = "lrswipkxtea"  # in the order in which RFC 4314 2.1 has them
KNOW: Final = LOOKUP + READ + INSERT + MAKE + REMOVE + ADMINISTER  # any of them lets somebody ask for his rights
CHANGE: Final = SEEN_ + WRITE + INSERT + DELETE + EXPUNGE  # with none of them a mailbox is for reading only (5.2)
ANNOTATE: Final = READ + SEEN_ + WRITE + INSERT + POST  # besides LOOKUP any of them for annotations (RFC 5464 3.3)
ANYONE: Final = "anyone"


def of_account(account: int) -> str:
    """The identifier of an account."""
    return f"user:{account:x}"


def of_group(address: str) -> str:
    """The identifier of a group."""
    return f"group:{address}"


def rights_of(acl: Acl, who: Who | None) -> str:
    """What somebody may do; `who` None is the owner. In the order of ALL."""
    if who is None:
        return ALL
    given, taken = set[str](), set[str]()
    for identifier, rights in acl:
        if identifier in who.names:
            given.update(rights)
        elif identifier[:1] == "-" and identifier[1:] in who.names:
            taken.update(rights)
    return ordered(given - taken)


def ordered(rights: set[str]) -> str:
    """As stored and told."""
    return "".join(right for right in ALL if right in rights)


def need(acl: Acl, who: Who | None, rights: str) -> None:
    """Raises Refused without these rights; NotFound for who may not know of the mailbox (RFC 4314 6)."""
    if who is None:
        return
    has = rights_of(acl, who)
    if all(right in has for right in rights):
        return
    if LOOKUP not in has and READ not in has:
        raise NotFound("There is no mailbox of that name.")
    raise NoRight("You do not have the right to do that with this mailbox.")


def need_any(acl: Acl, who: Who | None, rights: str) -> None:
    """As `need`, where one of these rights is enough."""
    has = rights_of(acl, who)
    if not any(right in has for right in rights):
        need(acl, who, rights)


def flags_allowed(acl: Acl, who: Who | None) -> int:
    """The bits of a flags word that somebody may change."""
    if who is None:
        return -1
    has = rights_of(acl, who)
    allowed = ~(SEEN | DELETED) if WRITE in has else 0
    return allowed | (SEEN if SEEN_ in has else 0) | (DELETED if DELETE in has else 0)


def items_allowed(acl: Acl, who: Who | None, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The messages with those of their flags that somebody may set (RFC 4314 4: the others are passed over)."""
    allowed = flags_allowed(acl, who)
    if allowed == -1:
        return items
    keeps_words = bool(allowed & ~(SEEN | DELETED))
    return tuple(
        Item(item.message, item.date_ms, item.flags & allowed, item.keywords if keeps_words else ()) for item in items
    )


def changed(acl: Acl, identifier: str, rights: str, mode: str) -> Acl:
    """The ACL after SETACL or DELETEACL, its entries ordered."""
    held = dict(acl)
    now = set(held.get(identifier, ""))
    now = {"replace": set(rights), "add": now | set(rights), "remove": now - set(rights)}[mode]
    held[identifier] = ordered(now)
    return tuple(sorted((name, value) for name, value in held.items() if value))


def granted(acl: Acl) -> set[str]:
    """The identifiers that are given anything."""
    return {identifier for identifier, _rights in acl if identifier[:1] != "-"}
