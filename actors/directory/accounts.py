"""What a transaction does to add, change and remove accounts and their addresses.

The law: every address in an account's record has its entry and the other way round, and an address is one thing only.
"""

from typing import Any, Final

from msgspec.structs import replace

from actors.directory import keys, rows
from actors.directory.addresses import Address, parse
from actors.directory.passwords import Credentials
from actors.directory.state import compared
from actors.directory.types import Account, AccountId, Alias, Domain, Group, MailingList, OwnAddress
from cluster.errors import AlreadyExists, NotFound, Refused, Unavailable
from cluster.meta.store import Reader, Transaction

_WORDS: Final[dict[type, str]] = {
    OwnAddress: "an account's address",
    Alias: "an alias",
    MailingList: "a list",
    Group: "a group",
}
ADDRESSES_MAX: Final = 100  # of one account; the record stays small and a removal fits a transaction


async def place(reader: Reader, text: str, default_domain: str = "") -> tuple[Address, Domain]:
    """An address in the spelling its domain keeps, and the domain. Raises BadAddress, NotFound."""
    address = parse(text, default_domain)
    domain = await rows.domain(reader, address.domain)
    if domain is None:
        raise NotFound(f"There is no domain {address.domain}; add it first.")
    return compared(address, domain), domain


async def free(tx: Transaction, text: str) -> tuple[Address, Domain]:
    """As `place`, for an address that is nothing yet. Raises AlreadyExists."""
    address, domain = await place(tx, text)
    entry = await rows.entry(tx, address)
    if entry is not None:
        raise AlreadyExists(f"{address} is {_WORDS[type(entry)]} already.")
    return address, domain


async def add(
    tx: Transaction, number: AccountId, login: str, credentials: Credentials | None, **fields: Any
) -> Account:
    """A new account, without credentials a shared one; the first of a domain that is none becomes its admin. Raises
    AlreadyExists, NotFound, Refused."""
    address, domain = await free(tx, login)
    if await rows.account(tx, number) is not None:
        raise Unavailable("The number drawn for the account is taken; try again.")
    shared = credentials is None
    account = Account(id=number, login=str(address), addresses=(str(address),), shared=shared, **fields)
    _check(account)
    rows.put_account(tx, account)
    if credentials is not None:
        rows.put_credentials(tx, number, credentials)
    rows.put_login(tx, address, number)
    rows.put_entry(tx, address, OwnAddress(str(address), number))
    if not domain.admin and not shared:  # RFC 5321 §4.5.1: somebody reads postmaster's mail
        rows.put_domain(tx, replace(domain, admin=str(address)))
    return account


async def named(reader: Reader, login: str, default_domain: str = "") -> Account:
    """The account that logs in so. Raises BadAddress, NotFound."""
    address, _ = await place(reader, login, default_domain)
    account = await rows.login(reader, address)
    if account is None:
        raise NotFound(f"There is no account {address}.")
    return account


async def change(tx: Transaction, login: str, **fields: Any) -> Account:
    """Change what is not None of quota_bytes, quota_messages, disabled, administrator. Raises NotFound, Refused."""
    account = replace(await named(tx, login), **{name: value for name, value in fields.items() if value is not None})
    _check(account)
    if account.shared and account.administrator:
        raise Refused(f"Nobody logs in as {account.login}: it is a shared account.")
    rows.put_account(tx, account)
    return account


async def set_credentials(tx: Transaction, login: str, credentials: Credentials) -> None:
    """Replace the password, and end what was granted under the old one. Raises NotFound, Refused."""
    account = await named(tx, login)
    if account.shared:
        raise Refused(f"Nobody logs in as {account.login}: it is a shared account.")
    rows.put_credentials(tx, account.id, credentials)
    tx.clear_range(*keys.grants(account.id))
    tx.clear_range(*keys.codes(account.id))


async def add_address(tx: Transaction, login: str, text: str) -> Account:
    """Give the account one more address. Raises AlreadyExists, NotFound, Refused."""
    account = await named(tx, login)
    address, _ = await free(tx, text)
    if len(account.addresses) >= ADDRESSES_MAX:
        raise Refused(f"An account may have at most {ADDRESSES_MAX} addresses.")
    account = replace(account, addresses=(*account.addresses, str(address)))
    rows.put_account(tx, account)
    rows.put_entry(tx, address, OwnAddress(str(address), account.id))
    return account


async def remove_address(tx: Transaction, login: str, text: str) -> Account:
    """Take an address from the account, but for the one it logs in by. Raises NotFound, Refused."""
    account = await named(tx, login)
    address, _ = await place(tx, text)
    if str(address) == account.login:
        raise Refused(f"{address} is how the account logs in; remove the account instead.")
    if str(address) not in account.addresses:
        raise NotFound(f"{address} is not an address of {account.login}.")
    return await _without(tx, account, str(address))


async def remove(tx: Transaction, login: str) -> Account:
    """Remove an account and its addresses; what led to it (aliases, lists) leads there no more. Raises NotFound."""
    account = await named(tx, login)
    for text in account.addresses:
        rows.drop_entry(tx, parse(text), OwnAddress(text, account.id))
    rows.drop_account(tx, account.id, parse(account.login))
    for name in {parse(text).domain for text in account.addresses}:
        await _leave_offices(tx, name, account)
    return account


async def withdraw(tx: Transaction, entry: OwnAddress) -> bool:
    """Remove an address with, when it is the login, its account: then True."""
    account = await rows.account(tx, entry.account)
    if account is None:
        rows.drop_entry(tx, parse(entry.address), entry)
    elif account.login != entry.address:
        await _without(tx, account, entry.address)
    else:
        await remove(tx, account.login)
        return True
    return False


async def _without(tx: Transaction, account: Account, address: str) -> Account:
    account = replace(account, addresses=tuple(kept for kept in account.addresses if kept != address))
    rows.put_account(tx, account)
    rows.drop_entry(tx, parse(address), OwnAddress(address, account.id))
    return account


async def _leave_offices(tx: Transaction, name: str, account: Account) -> None:
    """A domain whose admin or catch-all is removed gets the next account as its admin, and no catch-all."""
    domain = await rows.domain(tx, name)
    if domain is None:
        return
    changes = {}
    if domain.admin in account.addresses:
        rest = await tx.range(*keys.listing(keys.LOGINS, name), limit=1)
        changes["admin"] = str(keys.listed_address(rest[0][0])) if rest else ""
    if domain.catch_all in account.addresses:
        changes["catch_all"] = ""
    if changes:
        rows.put_domain(tx, replace(domain, **changes))


def _check(account: Account) -> None:
    for quota in (account.quota_bytes, account.quota_messages):
        if not 0 <= quota < 2**63:
            raise Refused("A quota is 0, for no limit, or a number of bytes or messages.")
