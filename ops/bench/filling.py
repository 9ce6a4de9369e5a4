"""Fills a data directory of ours while no server runs: `python -m ops.bench.filling DATA KIND WHAT N`.

WHAT is accounts, messages (small ones, over and over), varied (a mailbox of ops/bench/varied.py), indexed (the same
with its search index), or the algorithm of DKIM keys.

The law: what it leaves is what the server itself would have written, by the same code; it only saves the time of a
hundred thousand password hashes (all accounts share one) and of a million conversations.
"""

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Final, Literal, cast

from actors.directory import accounts, rows
from actors.directory.passwords import SALT_BYTES, derive
from actors.mailbox.types import INBOX, Item
from actors.search.settings import SearchSettings
from cluster.hosting.alone import run
from cluster.meta.store import Transaction
from cluster.placement.slots import SLOTS
from ops.bench.peers import DOMAIN, PASSWORD, address
from ops.bench.texts import letters
from ops.bench.varied import Mailbox
from ops.core import Core, Parts, opened
from ops.settings import StoreSettings

ACCOUNTS_A_TRANSACTION: Final = 500
MESSAGES_AN_ADD: Final = 1000
ACCOUNT_BITS: Final = 63
SETTLE_S: Final = 0.1
QUIET_S: Final = 1.0  # the indexer has nothing to do for so long


async def add_accounts(core: Core, count: int) -> None:
    """The domain and its accounts, with one password hash for all."""
    await core.directory.add_domain(DOMAIN)
    credentials = derive(PASSWORD, core.dice.randbytes(SALT_BYTES), core.dice.randbytes(SALT_BYTES))
    for first in range(0, count, ACCOUNTS_A_TRANSACTION):

        async def body(tx: Transaction, first: int = first) -> None:
            for number in range(first, min(first + ACCOUNTS_A_TRANSACTION, count)):
                identity = core.dice.getrandbits(ACCOUNT_BITS) or 1
                await accounts.add(tx, identity, address(number), credentials, created_ms=core.clock.now_ms())
            rows.changed(tx)

        await core.store.transact(body)


async def add_messages(core: Core, count: int) -> None:
    """So many small messages more in the first account's INBOX."""
    account = (await core.directory.get_account(address(0))).id
    messages = [await core.mailboxes.prepare(raw) for raw in letters()]
    date_ms = core.clock.now_ms()
    for first in range(0, count, MESSAGES_AN_ADD):
        some = messages[: min(MESSAGES_AN_ADD, count - first)]
        await core.mailboxes.add(account, INBOX, [Item(message, date_ms) for message in some])


async def add_varied(core: Core, count: int) -> None:
    """A whole mailbox as people have them, in the first account's INBOX."""
    account = (await core.directory.get_account(address(0))).id
    mailbox = Mailbox(count)
    letters = mailbox.letters()
    while some := list(itertools.islice(letters, MESSAGES_AN_ADD)):
        items = [Item(await core.mailboxes.prepare(mailbox.raw(one)), one.arrived_s * 1000) for one in some]
        await core.mailboxes.add(account, INBOX, items)


async def index(core: Core) -> None:
    """Have the first account's index complete and merged, as it would be in time."""
    account = (await core.directory.get_account(address(0))).id
    indexer = core.indexer
    assert indexer is not None
    running = asyncio.create_task(indexer.run(lambda: range(SLOTS)))
    quiet_s = 0.0
    while quiet_s < QUIET_S:
        await asyncio.sleep(SETTLE_S)
        stands = await core.search.status(account)
        busy = stands.watermark < stands.newest or indexer.due or indexer.untidy
        quiet_s = 0.0 if busy else quiet_s + SETTLE_S
    running.cancel()
    await asyncio.wait({running})


async def add_keys(core: Core, algorithm: str, count: int) -> None:
    """So many DKIM keys of the domain, of which the last signs."""
    for _ in range(count):
        await core.directory.add_dkim_key(DOMAIN, algorithm=algorithm, active=True)


async def fill(data: Path, kind: Literal["lmdb", "sqlite"], what: str, count: int) -> int:
    """Open, fill, close. `what` may be the algorithm of DKIM keys."""
    searching = SearchSettings(index="all" if what == "indexed" else "off", share=1.0, settle_s=SETTLE_S)
    async with opened(data, StoreSettings(kind=kind), parts=Parts(search=searching)) as core:
        if what == "accounts":
            await add_accounts(core, count)
        elif what == "messages":
            await add_messages(core, count)
        elif what in ("varied", "indexed"):
            await add_varied(core, count)
            if what == "indexed":
                await index(core)
        else:
            await add_keys(core, what, count)
    return 0


def main() -> None:
    """The arguments as in the first line of this file."""
    data, kind, what, count = sys.argv[1:]
    run(fill(Path(data), cast('Literal["lmdb", "sqlite"]', kind), what, int(count)))


if __name__ == "__main__":
    main()
