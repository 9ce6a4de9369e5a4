"""What a transaction does to add, change and remove domains.

The law: a domain goes only when no address of it is left; how it compares local parts changes only while it has none.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from actors.directory import accounts, keys, rows
from actors.directory.addresses import parse, parse_domain
from actors.directory.rewriting import check_rules
from actors.directory.types import AccountId, Domain, Entry, OwnAddress, Rewrite
from cluster.errors import AlreadyExists, NotFound, Refused
from cluster.meta.store import Reader, Transaction

SEPARATOR_CHARACTERS_MAX: Final = 4
_REMOVED_AT_ONCE: Final = 50  # addresses of a forced removal in one transaction: accounts bring up to 100 more each


async def add(tx: Transaction, name: str, **settings: Any) -> Domain:
    """A new domain. `settings`: as `change` takes them. Raises AlreadyExists, Refused."""
    name = parse_domain(name)
    if name.startswith("["):
        raise Refused("An address literal cannot be a domain of ours.")
    if await rows.domain(tx, name) is not None:
        raise AlreadyExists(f"The domain {name} exists.")
    domain = _with(Domain(name=name), settings)
    rows.put_domain(tx, domain)
    return domain


async def change(tx: Transaction, name: str, **settings: Any) -> Domain:
    """Change what is not None of case_sensitive, separator, catch_all, admin, rewrites. Raises NotFound, Refused."""
    before = await named(tx, name)
    after = _with(before, settings)
    if after.case_sensitive != before.case_sensitive and await _in_use(tx, before.name):
        raise Refused(f"{before.name} has addresses already; whether case counts can change only before that.")
    rows.put_domain(tx, after)
    return after


async def remove(tx: Transaction, name: str) -> None:
    """Remove a domain without addresses. Raises NotFound, Refused."""
    domain = await named(tx, name)
    if await _in_use(tx, domain.name):
        raise Refused(f"{domain.name} still has addresses; remove them first, or force it.")
    _drop(tx, domain.name)


async def remove_some(tx: Transaction, name: str) -> tuple[list[AccountId], bool]:
    """Remove some addresses with their accounts; once none is left, the domain: then True. Raises NotFound."""
    domain = await named(tx, name)
    found = await tx.range(*keys.entries(domain.name), limit=_REMOVED_AT_ONCE)
    removed: list[AccountId] = []
    for key, value in found:
        entry: Entry = rows.decode(value, Entry)
        if not isinstance(entry, OwnAddress):
            rows.drop_entry(tx, keys.entry_address(key), entry)
        elif entry.account not in removed and await accounts.withdraw(tx, entry):
            removed.append(entry.account)
    if not found:
        _drop(tx, domain.name)
    return removed, not found


def _drop(tx: Transaction, name: str) -> None:
    tx.clear(keys.domain(name))
    rows.drop_dkim_keys(tx, name)


async def named(tx: Reader, name: str) -> Domain:
    """The domain. Raises NotFound."""
    domain = await rows.domain(tx, parse_domain(name))
    if domain is None:
        raise NotFound(f"There is no domain {name}.")
    return domain


async def _in_use(tx: Transaction, name: str) -> bool:
    return bool(await tx.range(*keys.entries(name), limit=1))


def _with(domain: Domain, settings: dict[str, Any]) -> Domain:
    given = {name: value for name, value in settings.items() if value is not None}
    for name in ("catch_all", "admin"):
        if given.get(name):
            given[name] = str(parse(given[name], domain.name))
    if "rewrites" in given:
        given["rewrites"] = _rules(given["rewrites"])
    if "separator" in given:
        _check_separator(given["separator"])
    return replace(domain, **given)


def _rules(rules: Sequence[Rewrite]) -> tuple[Rewrite, ...]:
    check_rules(rules)
    return tuple(rules)


def _check_separator(separator: str) -> None:
    if len(separator) > SEPARATOR_CHARACTERS_MAX or any(
        c.isalnum() or not c.isprintable() or c == "@" for c in separator
    ):
        raise Refused(f"{separator!r} cannot separate a subaddress; use + or -, or nothing to have none.")
