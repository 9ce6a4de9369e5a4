"""Aliases that were written before anybody could be found from where they lead (rows.py) are made known there.

The law: once a directory, before the first question that needs it; who is interrupted begins anew. Only keys are
written, that say where to look, and who looks believes the alias's own record.
"""

from typing import Final

from actors.directory import keys, rows
from actors.directory.addresses import parse
from actors.directory.types import Alias
from cluster.meta.store import Store, Transaction

PAGE: Final = 500  # of domains, and of aliases in one transaction: some 100 kB
_DONE: Final = b"1"


async def index_aliases(store: Store) -> None:
    """Make all known that are not, where that has not been done. Raises Unavailable."""
    if await store.get(keys.ALIASES_KNOWN) is not None:
        return
    begin, end = keys.domains()
    while domains := await store.range(begin, end, limit=PAGE):
        for key, _value in domains:
            await _index(store, keys.domain_name(key))
        begin = domains[-1][0] + b"\0"

    async def done(tx: Transaction) -> None:
        tx.set(keys.ALIASES_KNOWN, _DONE)

    await store.transact(done)


async def _index(store: Store, domain: str) -> None:
    begin, end = keys.listing(Alias, domain)
    while listed := await store.range(begin, end, limit=PAGE):
        addresses = [keys.listed_address(key) for key, _value in listed]

        async def write(tx: Transaction) -> None:
            for address in addresses:  # noqa: B023 - it is carried out before there are others
                alias = await rows.entry(tx, address)
                for target in alias.targets if isinstance(alias, Alias) else ():
                    tx.set(keys.membership(parse(target), address), b"")

        await store.transact(write)
        begin = listed[-1][0] + b"\0"
