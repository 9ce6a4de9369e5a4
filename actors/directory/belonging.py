"""Which groups an account is in, found from the account's side.

The law: who is in a group is what the group's own record says; the keys that lead from a member to its groups are
written with that record, and only say where to look. Bounded, whatever the directory holds.
"""

from typing import Final

from actors.directory import keys, rows
from actors.directory.accounts import place
from actors.directory.addresses import BadAddress, parse
from actors.directory.state import DEPTH_MAX
from actors.directory.types import Account, Group
from cluster.errors import NotFound
from cluster.meta.store import Reader

GROUPS_MAX: Final = 500  # of one account, those through others among them


async def groups_of(reader: Reader, account: Account) -> tuple[str, ...]:
    """The addresses of the groups that an account is in, directly or through other groups, nearest first."""
    found: dict[str, None] = {}
    level = list(account.addresses)
    for _depth in range(DEPTH_MAX):
        further: list[str] = []
        for member in level:
            for group in await _groups_with(reader, member):
                if group not in found and len(found) < GROUPS_MAX:
                    found[group] = None
                    further.append(group)
        if not further:
            break
        level = further
    return tuple(found)


async def _groups_with(reader: Reader, member: str) -> list[str]:
    """The groups that name an address as a member."""
    named = []
    for key, _value in await reader.range(*keys.memberships(parse(member)), limit=GROUPS_MAX):
        address = keys.membership_group(key)
        group = await rows.entry(reader, address)
        if isinstance(group, Group) and await _holds(reader, group, member):
            named.append(group.address)
    return named


async def _holds(reader: Reader, group: Group, member: str) -> bool:
    """Whether a group has the address, as its domain compares addresses."""
    wanted = parse(member).folded()
    for text in group.members:
        if parse(text).folded() != wanted:
            continue
        try:
            address, _domain = await place(reader, text)
        except (BadAddress, NotFound):
            continue
        if str(address) == member:
            return True
    return False
