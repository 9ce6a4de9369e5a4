"""What a transaction does to addresses that lead to others: aliases, lists and groups.

The law: the addresses led to are kept in one spelling, each once, and need not exist.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from msgspec.structs import replace

from actors.directory import rows
from actors.directory.accounts import free, place
from actors.directory.addresses import parse
from actors.directory.types import Alias, Group, MailingList
from cluster.errors import NotFound, Refused
from cluster.meta.store import Reader, Transaction

MEMBERS_MAX: Final = 1000  # of one; larger lists are lists of lists

Shared = TypeVar("Shared", Alias, MailingList, Group)
_WORDS: Final[dict[type, str]] = {Alias: "alias", MailingList: "list", Group: "group"}


async def add(tx: Transaction, record: Shared) -> Shared:
    """A new alias, list or group. Raises AlreadyExists, NotFound, Refused."""
    address, _ = await free(tx, record.address)
    made = _with(replace(record, address=str(address)), _led_to(record))
    rows.put_entry(tx, address, made)
    return made


async def change(
    tx: Transaction, kind: type[Shared], text: str, *, members: Iterable[str] | None = None, name: str | None = None
) -> Shared:
    """Replace the members (an alias's targets) or the name. Raises NotFound, Refused."""
    record = await named(tx, kind, text)
    rows.drop_members(tx, parse(record.address), record)
    if members is not None:
        record = _with(record, members)
    if name is not None and not isinstance(record, Alias):
        record = replace(record, name=name)
    rows.put_entry(tx, parse(record.address), record)
    return record


async def join(tx: Transaction, kind: type[Shared], text: str, members: Iterable[str]) -> Shared:
    """Add members; those that are in already stay. Raises NotFound, Refused."""
    present: tuple[str, ...] = _led_to(await named(tx, kind, text))
    return await change(tx, kind, text, members=(*present, *members))


async def leave(tx: Transaction, kind: type[Shared], text: str, members: Iterable[str]) -> Shared:
    """Take members out; those that are not in are no error. Raises NotFound, Refused."""
    gone = {str(parse(member)) for member in members}
    present: tuple[str, ...] = _led_to(await named(tx, kind, text))
    return await change(tx, kind, text, members=[member for member in present if member not in gone])


async def remove(tx: Transaction, kind: type[Shared], text: str) -> Shared:
    """Remove it; its members stay. Raises NotFound."""
    record = await named(tx, kind, text)
    rows.drop_entry(tx, parse(record.address), record)
    return record


async def named(reader: Reader, kind: type[Shared], text: str) -> Shared:
    """The alias, list or group. Raises NotFound."""
    address, _ = await place(reader, text)
    record = await rows.entry(reader, address)
    if not isinstance(record, kind):
        raise NotFound(f"There is no {_WORDS[kind]} {address}.")
    return record


def _led_to(record: Alias | MailingList | Group) -> tuple[str, ...]:
    return record.targets if isinstance(record, Alias) else record.members


def _with(record: Shared, led_to: Iterable[str]) -> Shared:
    addresses = tuple(dict.fromkeys(str(parse(text)) for text in led_to))
    if len(addresses) > MEMBERS_MAX:
        raise Refused(f"{record.address} may lead to at most {MEMBERS_MAX} addresses; make it of several lists.")
    if isinstance(record, Alias):
        if not addresses:
            raise Refused(f"The alias {record.address} needs an address to lead to.")
        return replace(record, targets=addresses)
    return replace(record, members=addresses)
