"""Where a mailbox name leads: to one's own mailboxes, to what other users share, or to a shared account's (RFC 2342).

The law: a name is one place only, and every place is looked up with the eyes of who asks. One's own mailboxes have no
prefix; names that begin with the prefix of another namespace are nobody's own, so none is made there. A place that is
not shared with who asks is answered like one that is not there.

Another's mailbox `Sent` is `Other Users/alice@example.org/Sent`; a shared account's INBOX is
`Shared/support@example.org/INBOX`.
"""

from typing import Final, NamedTuple

from actors.mailbox.rights import ANYONE, of_account, of_group
from actors.mailbox.types import INBOX, SEPARATOR, Tree, Who
from gateway.imap.parts import Holder, Place
from gateway.imap.session import Session
from gateway.imap.troubles import No

OTHERS: Final = "Other Users"
SHARED: Final = "Shared"
_UNSHARED_CHARS: Final = frozenset("/*%")  # a login that has one cannot be a level of a name


class Grove(NamedTuple):
    """The mailboxes of one account as this client may see them."""

    account: int
    prefix: str
    who: Who | None
    tree: Tree
    login: str


async def who_asks(session: Session) -> Who:
    """All identifiers that are the client's now: his groups may change while he is logged in."""
    groups = await session.services.directory.groups(session.account)
    return Who(session.account, frozenset((ANYONE, of_account(session.account), *map(of_group, groups))))


def is_own(name: str) -> bool:
    """Whether a name is in the namespace of one's own mailboxes."""
    first = name.partition(SEPARATOR)[0]
    return first not in (OTHERS, SHARED)


async def place(session: Session, name: str) -> Place:
    """Where a name leads. Raises No for another's that cannot be there; its owner knows what is there."""
    if is_own(name):
        return Place(session.account, name)
    space, _, rest = name.partition(SEPARATOR)
    login, _, inner = rest.partition(SEPARATOR)
    holder = await session.services.directory.named(login) if login else None
    if holder is None or holder.shared is not (space == SHARED) or holder.id == session.account:
        raise No("There is no such mailbox", "NONEXISTENT")
    if inner[: len(INBOX)].upper() == INBOX and inner[len(INBOX) :][:1] in ("", SEPARATOR):
        inner = INBOX + inner[len(INBOX) :]
    return Place(holder.id, inner, await who_asks(session), prefix_of(holder))


def prefix_of(holder: Holder) -> str:
    """What goes before the names of another's mailboxes."""
    return f"{SHARED if holder.shared else OTHERS}{SEPARATOR}{holder.login}{SEPARATOR}"


async def own_grove(session: Session) -> Grove:
    """One's own mailboxes."""
    assert session.principal is not None
    tree = await session.services.mail.tree(session.account)
    return Grove(session.account, "", None, tree, session.principal.login)


async def groves(session: Session, wanted: frozenset[str] | None = None) -> list[Grove]:
    """What others share with the client; of the namespaces `wanted` (OTHERS, SHARED), or of both."""
    services = session.services
    who = await who_asks(session)
    found = []
    for account in await services.mail.sharing(who.names):
        holder = await services.directory.account_with(account) if account != session.account else None
        if holder is None or not _UNSHARED_CHARS.isdisjoint(holder.login):
            continue
        if wanted is not None and (SHARED if holder.shared else OTHERS) not in wanted:
            continue
        tree = await services.mail.tree(account, who)
        if tree.mailboxes:
            found.append(Grove(account, prefix_of(holder), who, tree, holder.login))
    return found
