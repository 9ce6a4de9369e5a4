"""Whom an access control list names (RFC 4314 2): logins, `anyone`, and `group:` with a group's address; behind a dash
what is taken from them.

The law: what is stored are identifiers that stay right when a login changes (actors/mailbox/rights.py). An owner has
all rights, always: nothing can be said of him.
"""

from typing import Final, Protocol

from actors.mailbox.rights import ANYONE, of_account, of_group
from cluster.errors import Refused
from gateway.imap.parts import Holder

NEGATIVE: Final = "-"
_ACCOUNT: Final = of_account(0)[:-1]
_GROUP: Final = of_group("")


class People(Protocol):
    """What is needed of the directory."""

    async def named(self, login: str) -> Holder | None:
        """The account of that login."""
        ...

    async def account_with(self, number: int) -> Holder | None:
        """The account with that number."""
        ...

    async def group_named(self, address: str) -> str | None:
        """The address of a group as it is kept."""
        ...


async def stored(people: People, owner: int, told: str) -> str:
    """The identifier as it is stored with a mailbox of `owner`. Raises Refused for one that is nobody, and for the
    owner."""
    mark, name = _split(told)
    if name == ANYONE:
        return mark + ANYONE
    if name.startswith(_GROUP):
        group = await people.group_named(name.removeprefix(_GROUP))
        if group is None:
            raise Refused("There is no such group.")
        return mark + of_group(group)
    holder = await people.named(name)
    if holder is None:
        raise Refused("There is no such user. Groups are written group:ADDRESS, everybody is anyone.")
    if holder.id == owner:
        raise Refused("The owner of a mailbox has all rights, always.")
    return mark + of_account(holder.id)


async def told(people: People, identifier: str) -> str:
    """How people know it: as it is stored where nobody is known of that number."""
    mark, name = _split(identifier)
    if name.startswith(_ACCOUNT):
        return mark + await login_of(people, int(name.removeprefix(_ACCOUNT), 16))
    return identifier


async def login_of(people: People, account: int) -> str:
    """The login of an account, or its identifier where it is gone."""
    holder = await people.account_with(account)
    return holder.login if holder is not None else of_account(account)


async def is_owner(people: People, owner: int, told: str) -> bool:
    """Whether this names the owner of a mailbox."""
    mark, name = _split(told)
    if mark or name == ANYONE or name.startswith(_GROUP):
        return False
    holder = await people.named(name)
    return holder is not None and holder.id == owner


def _split(identifier: str) -> tuple[str, str]:
    """RFC 4314 2: what begins with a dash is about what its bearer must not do."""
    name = identifier.removeprefix(NEGATIVE)
    return identifier[: len(identifier) - len(name)], name
