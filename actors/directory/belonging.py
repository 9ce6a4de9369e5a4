"""Which groups an account is in, and which aliases lead to it, found from the account's side.

The law: who is in a group is what the group's own record says, and so it is with aliases; the keys that lead from an
address to those are written with that record, and only say where to look. Bounded, whatever the directory holds.
"""

from typing import Final

from actors.directory import keys, rows
from actors.directory.accounts import place
from actors.directory.addresses import BadAddress, parse
from actors.directory.state import DEPTH_MAX
from actors.directory.types import Account, Alias, Group
from cluster.errors import NotFound
from cluster.meta.store import Reader

GROUPS_MAX: Final = 500  # of one account, those through others among them; the same for aliases


async def groups_of(reader: Reader, account: Account) -> tuple[str, ...]:
    """The addresses of the groups that an account is in, directly or through other groups, nearest first."""
    return await _leading_to(reader, account, Group)


async def aliases_of(reader: Reader, account: Account) -> tuple[str, ...]:
    """The addresses of the aliases that lead to an account, directly or through other aliases, nearest first."""
    return await _leading_to(reader, account, Alias)


async def _leading_to(reader: Reader, account: Account, kind: type[Group | Alias]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    level = list(account.addresses)
    for _depth in range(DEPTH_MAX):
        further: list[str] = []
        for member in level:
            for address in await _with(reader, member, kind):
                if address not in found and len(found) < GROUPS_MAX:
                    found[address] = None
                    further.append(address)
        if not further:
            break
        level = further
    return tuple(found)


async def _with(reader: Reader, member: str, kind: type[Group | Alias]) -> list[str]:
    """The groups, or aliases, that name an address as a member."""
    named = []
    for key, _value in await reader.range(*keys.memberships(parse(member)), limit=GROUPS_MAX):
        entry = await rows.entry(reader, keys.membership_group(key))
        if isinstance(entry, kind) and await _holds(reader, entry, member):
            named.append(entry.address)
    return named


async def _holds(reader: Reader, holder: Group | Alias, member: str) -> bool:
    """Whether a group or alias has the address, as its domain compares addresses."""
    wanted = parse(member).folded()
    for text in holder.members if isinstance(holder, Group) else holder.targets:
        if parse(text).folded() != wanted:
            continue
        try:
            address, _domain = await place(reader, text)
        except (BadAddress, NotFound):
            continue
        if str(address) == member:
            return True
    return False
