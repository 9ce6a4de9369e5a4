"""Where a mailbox name leads: to one's own mailboxes, to what other users share, or to a shared account's (RFC 2342).

The law: a name is one place only, and every place is looked up with the eyes of who asks. One's own mailboxes have no
prefix; names that begin with the prefix of another namespace are nobody's own, so none is made there. A place that is
not shared with who asks is answered like one that is not there.

Another's mailbox `Sent` is `Other Users/alice@example.org/Sent`; a shared account's INBOX is
`Shared/support@example.org/INBOX`.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple
from unicodedata import normalize

from actors.mailbox.names import normal
from actors.mailbox.rights import READ, rights_of
from actors.mailbox.types import SEPARATOR, Tree, Who
from cluster.errors import NotFound
from gateway.access.whom import who_is
from gateway.imap.parts import Holder, Place, Services
from gateway.imap.session import Session
from gateway.imap.spaces import OTHERS, SHARED, is_own

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
    return await who_is(session.services.directory, session.account)


async def place(session: Session, name: str) -> Place:
    """Where a name leads. Raises NotFound for another's that cannot be there; its owner knows what is there, and says
    the same of what is not shared with who asks. Raises Refused for a name that no mailbox of another's can have,
    before it is known whether there is such a user."""
    return await place_of(session.services, session.account, name)


async def place_of(services: Services, account: int, name: str) -> Place:
    """The same with the eyes of any account."""
    name = normalize("NFC", name).removesuffix(SEPARATOR)
    if is_own(name):
        return Place(account, name)
    space, _, rest = name.partition(SEPARATOR)
    login, _, inner = rest.partition(SEPARATOR)
    inner = normal(inner) if inner else ""
    holder = await services.directory.named(login) if inner else None
    if holder is None or holder.shared is not (space == SHARED) or holder.id == account:
        raise NotFound("There is no mailbox of that name.")
    return Place(holder.id, inner, await who_is(services.directory, account), prefix_of(holder))


async def readable(session: Session, where: Place) -> bool:
    """Whether the client may read a mailbox. If not, nothing of it is told: no UIDs of what he puts there
    (RFC 4315 3)."""
    if where.who is None:
        return True
    try:
        looked = await session.services.mail.look(where.account, where.name, where.who)
    except NotFound:
        return False
    return READ in rights_of(looked.info.acl, where.who)


async def renew(session: Session) -> None:
    """What the client may do with another's mailbox that it has selected goes by the groups he is in now."""
    selection = session.selection
    if selection is not None and selection.place.who is not None:
        who = await who_asks(session)
        if who != selection.place.who:
            selection.seen_as(who)


def prefix_of(holder: Holder) -> str:
    """What goes before the names of another's mailboxes."""
    return f"{SHARED if holder.shared else OTHERS}{SEPARATOR}{holder.login}{SEPARATOR}"


async def own_grove(session: Session) -> Grove:
    """One's own mailboxes."""
    assert session.principal is not None
    tree = await session.services.mail.tree(session.account)
    return Grove(session.account, "", None, tree, session.principal.login)


async def each_grove(session: Session, wanted: Callable[[str], bool]) -> AsyncIterator[Grove]:
    """What others share with the client, one account after the other; `wanted` is asked with the prefix of each before
    its mailboxes are."""
    services = session.services
    who = await who_asks(session)
    for account in await services.mail.sharing(who.names):
        holder = await services.directory.account_with(account) if account != session.account else None
        if holder is None or not _UNSHARED_CHARS.isdisjoint(holder.login) or not wanted(prefix_of(holder)):
            continue
        tree = await services.mail.tree(account, who)
        if tree.mailboxes:
            yield Grove(account, prefix_of(holder), who, tree, holder.login)


async def groves(session: Session, wanted: frozenset[str] | None = None) -> list[Grove]:
    """All of it, or that in the namespaces `wanted` (OTHERS, SHARED)."""
    return [
        found
        async for found in each_grove(
            session, lambda prefix: wanted is None or prefix.partition(SEPARATOR)[0] in wanted
        )
    ]
