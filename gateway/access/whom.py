"""With whose eyes another's mailboxes are seen (RFC 4314): the identifiers that are somebody's.

The law: they are asked for when they are needed: groups change while somebody is logged in.
"""

from collections.abc import Sequence
from typing import Protocol

from actors.mailbox.rights import ANYONE, of_account, of_group
from actors.mailbox.types import Who


class Groups(Protocol):
    """Who knows them."""

    async def groups(self, account: int) -> Sequence[str]:
        """The addresses of the groups that an account is in, also through other groups."""
        ...


async def who_is(directory: Groups, account: int) -> Who:
    """All identifiers that are an account's now."""
    groups = await directory.groups(account)
    return Who(account, frozenset((ANYONE, of_account(account), *map(of_group, groups))))
