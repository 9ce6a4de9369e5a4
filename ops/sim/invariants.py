"""What must hold when a run is over and everything has been mended.

The law: nothing is looked at but the store, the ledger, and what processes that live hold in memory.
"""

from actors.mailbox import events as ev
from actors.mailbox import keys, storage
from actors.mailbox.decide import FIRST_MAILBOXES
from actors.mailbox.state import Account, encode_head
from actors.mailbox.types import Ranges
from cluster.meta.store import Reader
from ops.sim.load import Attempts, same
from ops.sim.world import World


async def check_all(world: World, reader: Reader, attempts: Attempts) -> None:
    """Everything that is checked at the end; `reader` reads the store as it is."""
    for number in sorted(world.ledger.accounts):
        account = world.ledger.accounts[number]
        _check_events(world, account, attempts)
        await _check_stored(world, reader, account)
        _check_memory(world, account)
    _check_deliveries(world, attempts)
    _check_gone(world, attempts)


def check_views(world: World) -> list[str]:
    """What views of living gateways do not have as the log does; empty when all have caught up."""
    late = []
    for process in world.alive("gateway"):
        for client in process.parts.get("clients", ()):
            if client.selected is None:
                continue
            name, (account, selected) = client.name, client.selected
            view = selected.view
            box = world.ledger.account(account).mailboxes.get(view.mailbox)
            if box is None:
                if not view.gone:
                    late.append(f"{name}: the view of mailbox {view.mailbox}, which was deleted, is not gone")
            elif box.index is None or not same(view.index, box.index):
                late.append(f"{name}: the view of mailbox {view.mailbox} of {account} has not caught up")
    return late


def _check_deliveries(world: World, attempts: Attempts) -> None:
    for (account, digest), acknowledged in attempts.delivered.items():
        times = world.ledger.times.get((account, digest), 0)
        if times > 1:
            world.fail(f"account {account}: a message was stored {times} times")
        if acknowledged and times == 0:
            world.fail(f"account {account}: an acknowledged message is not there")
    for account, digest in world.ledger.times:
        if (account, digest) not in attempts.delivered:
            world.fail(f"account {account}: a message that nobody sent is there")


def _check_gone(world: World, attempts: Attempts) -> None:
    asked: dict[tuple[int, int], list[Ranges | None]] = {}
    for account, mailbox, uids in attempts.vanish:
        asked.setdefault((account, mailbox), []).append(uids)
    for account, mailbox, gone in world.ledger.gone:
        for uid in (uid for low, high in gone for uid in range(low, high + 1)):
            wanted = asked.get((account, mailbox), [])
            if not any(uids is None or any(low <= uid <= high for low, high in uids) for uids in wanted):
                world.fail(f"account {account}: UID {uid} of mailbox {mailbox} left though nobody asked for it")


def _check_events(world: World, account: Account, attempts: Attempts) -> None:
    """Nothing happened more often than it was asked for."""
    free = {"MailboxCreated": len(FIRST_MAILBOXES), "SubscriptionChanged": len(FIRST_MAILBOXES)}
    for (number, kind), count in world.ledger.events.items():
        wanted = attempts.count.get((number, kind), 0) + free.get(kind, 0)
        # Whoever selects, and every view that is opened anew, may claim what is recent.
        if number == account.id and count > wanted and kind != "RecentClaimed":
            world.fail(f"account {number}: {kind} happened {count} times and was asked for {wanted} times")


async def _check_stored(world: World, reader: Reader, account: Account) -> None:
    """The snapshot and the log after it make the same account as the log from its beginning."""
    stored = await storage.activate(reader, account.id)
    for box in stored.mailboxes.values():
        if box.index is None:
            await storage.load_index(reader, stored, box)
    whole = Account(account.id, account.slot)
    async for rows in storage.pages_of_range(reader, *keys.log_after(account.slot, account.id, 0)):
        for key, value in rows:
            whole.apply(int.from_bytes(key[-8:], "big"), ev.decode(value))
    for name, other in (("its snapshot", stored), ("its log", whole)):
        _compare(world, account, other, name)


def _check_memory(world: World, account: Account) -> None:
    """What the owner holds is what the log says."""
    for process in world.alive("mailbox"):
        if (shard := process.parts.get("shard")) is None:
            continue
        held = shard._held.get(account.id)
        if held is not None and account.slot in shard.slots:
            _compare(world, account, held, process.host)


def _compare(world: World, account: Account, other: Account, where: str) -> None:
    if encode_head(other) != encode_head(account):
        world.fail(f"account {account.id}: {where} has it otherwise, as of {other.modseq} and {account.modseq}")
        return
    try:
        other.check()
    except AssertionError as error:
        world.fail(f"account {account.id}: {where} is not sound: {error}")
    for number, box in account.mailboxes.items():
        index, mine = other.mailboxes[number].index, box.index
        if index is not None and mine is not None and not same(index, mine):
            world.fail(f"account {account.id}: {where} has other rows in mailbox {number}")
