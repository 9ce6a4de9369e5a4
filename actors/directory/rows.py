"""Stored records, typed: reading and writing one at a time, and answering the questions of `state.py`.

The law: every stored record begins with its format's number, and a number not known here is Corrupt, never guessed at.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from actors.directory import keys
from actors.directory.addresses import Address, parse
from actors.directory.passwords import Credentials
from actors.directory.state import AccountsWith, DomainsNamed, EntriesAt, Question, Steps
from actors.directory.types import Account, AccountId, Alias, DkimKey, Domain, Entry, Group
from cluster.errors import Corrupt, Refused
from cluster.meta.store import Reader, Transaction

FORMAT: Final = b"\x01"  # records are maps, so fields may be added with defaults without a new number
RECORD_BYTES_MAX: Final = 90_000  # below the store's 100,000 for a value

R = TypeVar("R")
T = TypeVar("T")


async def ask(reader: Reader, steps: Steps[R]) -> R:
    """Run a generator of `state.py`, answering from the store."""
    answer: Any = None
    while True:
        try:
            question = steps.send(answer)
        except StopIteration as stop:
            result: R = stop.value
            return result
        answer = await _answer(reader, question)


async def _answer(reader: Reader, question: Question) -> list[Any]:
    match question:
        case DomainsNamed(names):
            return await _many(reader, [keys.domain(name) for name in names], Domain)
        case EntriesAt(addresses):
            return await _many(reader, [keys.entry(address) for address in addresses], Entry)
        case AccountsWith(ids):
            return await _many(reader, [keys.account(number) for number in ids], Account)


async def version(reader: Reader) -> bytes:
    """What changes whenever the directory changes."""
    return await reader.get(keys.VERSION) or b""


async def domain(reader: Reader, name: str) -> Domain | None:
    """A domain by its A-labels."""
    found: Domain | None = await _one(reader, keys.domain(name), Domain)
    return found


async def account(reader: Reader, number: AccountId) -> Account | None:
    """An account by its number."""
    found: Account | None = await _one(reader, keys.account(number), Account)
    return found


async def credentials(reader: Reader, number: AccountId) -> Credentials | None:
    """What proves an account's password."""
    found: Credentials | None = await _one(reader, keys.credentials(number), Credentials)
    return found


async def login(reader: Reader, address: Address) -> Account | None:
    """The account that logs in by the (stored spelling of the) address."""
    value = await reader.get(keys.login(address))
    return None if value is None else await account(reader, keys.account_of(value))


async def entry(reader: Reader, address: Address) -> Entry | None:
    """What the (stored spelling of the) address is."""
    found: Entry | None = await _one(reader, keys.entry(address), Entry)
    return found


async def dkim_key(reader: Reader, name: str, selector: str) -> DkimKey | None:
    """A signing key of a domain."""
    found: DkimKey | None = await _one(reader, keys.dkim_key(name, selector), DkimKey)
    return found


async def dkim_keys(reader: Reader, name: str) -> list[DkimKey]:
    """The signing keys of a domain in the order of their selectors; there are few."""
    return [decode(value, DkimKey) for _, value in await reader.range(*keys.dkim_keys(name))]


async def dkim_privates(reader: Reader, wanted: Sequence[DkimKey]) -> list[bytes | None]:
    """The private halves of keys."""
    return await reader.get_many([keys.dkim_private(key.domain, key.selector) for key in wanted])


def put_dkim_key(tx: Transaction, record: DkimKey, private: bytes | None = None) -> None:
    """Write a signing key; its private half where it is given, else it stays."""
    tx.set(keys.dkim_key(record.domain, record.selector), _encoded(record))
    if private is not None:
        tx.set(keys.dkim_private(record.domain, record.selector), private)


def drop_dkim_key(tx: Transaction, record: DkimKey) -> None:
    """Remove a signing key, both halves."""
    tx.clear(keys.dkim_key(record.domain, record.selector))
    tx.clear(keys.dkim_private(record.domain, record.selector))


def drop_dkim_keys(tx: Transaction, name: str) -> None:
    """Remove all signing keys of a domain."""
    tx.clear_range(*keys.dkim_keys(name))
    tx.clear_range(*keys.dkim_privates(name))


def put(tx: Transaction, key: bytes, record: msgspec.Struct) -> None:
    """Write a record of a kind that this file does not know."""
    tx.set(key, _encoded(record))


def put_domain(tx: Transaction, record: Domain) -> None:
    """Write a domain."""
    tx.set(keys.domain(record.name), _encoded(record))


def put_account(tx: Transaction, record: Account) -> None:
    """Write an account."""
    tx.set(keys.account(record.id), _encoded(record))


def put_credentials(tx: Transaction, number: AccountId, record: Credentials) -> None:
    """Write what proves a password."""
    tx.set(keys.credentials(number), _encoded(record))


def put_login(tx: Transaction, address: Address, number: AccountId) -> None:
    """Write by which address an account logs in."""
    tx.set(keys.login(address), keys.account_value(number))
    tx.set(keys.listed(keys.LOGINS, address), b"")


def put_entry(tx: Transaction, address: Address, record: Entry) -> None:
    """Write what an address is."""
    tx.set(keys.entry(address), _encoded(record))
    tx.set(keys.listed(keys.kind_of(record), address), b"")
    for member in _led_to(record):
        tx.set(keys.membership(parse(member), address), b"")


def drop_entry(tx: Transaction, address: Address, record: Entry) -> None:
    """Remove an address."""
    tx.clear(keys.entry(address))
    tx.clear(keys.listed(keys.kind_of(record), address))
    drop_members(tx, address, record)


def drop_members(tx: Transaction, address: Address, record: Entry) -> None:
    """A group or an alias leads to nobody any more; of what is neither nothing."""
    for member in _led_to(record):
        tx.clear(keys.membership(parse(member), address))


def _led_to(record: Entry) -> tuple[str, ...]:
    """Whom it has to be found from."""
    match record:
        case Group(members=members):
            return members
        case Alias(targets=targets):
            return targets
    return ()


def drop_account(tx: Transaction, number: AccountId, login: Address) -> None:
    """Remove an account but for its addresses, with all that lets it in."""
    tx.clear_range(*keys.proofs(number))
    for key in (keys.account(number), keys.credentials(number), keys.login(login), keys.listed(keys.LOGINS, login)):
        tx.clear(key)


def changed(tx: Transaction) -> None:
    """Tell every cache; part of every change."""
    tx.add(keys.VERSION, 1)


def decode(value: bytes, kind: Any) -> Any:
    """A stored record. Raises Corrupt."""
    if value[:1] != FORMAT:
        text = "The directory holds a record of a format this version does not know."
        raise Corrupt(text, log=f"{text} Format {value[:1].hex() or 'none'}; upgrade this node or restore the store.")
    try:
        return msgspec.msgpack.decode(memoryview(value)[1:], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt("The directory holds a damaged record.", log=f"Damaged directory record: {error}") from error


def _encoded(record: msgspec.Struct) -> bytes:
    value = FORMAT + msgspec.msgpack.encode(record)
    if len(value) > RECORD_BYTES_MAX:
        raise Refused("This is more than one record can hold; split the list or alias into several.")
    return value


async def _one(reader: Reader, key: bytes, kind: Any) -> Any:
    value = await reader.get(key)
    return None if value is None else decode(value, kind)


async def _many(reader: Reader, wanted: Sequence[bytes], kind: Any) -> list[Any]:
    return [None if value is None else decode(value, kind) for value in await reader.get_many(wanted)]
