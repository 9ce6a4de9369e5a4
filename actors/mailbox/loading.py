"""Accounts on their way into memory, and the commands that wait for them.

The law: commands of one account keep their order. Accounts load side by side, so that a store across the network is
waited for once and not by each, and commands of accounts that are here already need not wait.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actors.mailbox import storage
from actors.mailbox.decide import indexes_needed
from actors.mailbox.held import Held
from actors.mailbox.state import Account
from actors.mailbox.types import Command, Reply
from cluster.meta.store import Store

LOADS_MAX: Final = 64  # at the same time: hides a round trip of 1 ms, and is little memory
Begin = Callable[[Account, Reply], Reply]


@dataclass(slots=True)
class Asked:
    """A command that is to be answered. `begin`: what gives the answer at the last moment, and tells of all that comes
    after it."""

    account: int
    command: Command
    idem: bytes
    answer: "asyncio.Future[Any]"
    begin: Begin | None
    size: int

    def fail(self, error: Exception) -> None:
        """Say why not, if anybody still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class _Load:
    slot: int
    waiting: list[Asked]
    stale: bool = False


class Loading:
    """A shard's. `again` takes commands whose turn has come."""

    def __init__(
        self, store: Store, held: Held, again: Callable[[Sequence[Asked]], None], activated: Callable[[], None]
    ) -> None:
        self._store = store
        self._held = held
        self._again = again
        self._activated = activated
        self._loads: dict[int, _Load] = {}
        self.commands = 0  # that wait
        self.bytes = 0  # of their messages
        self._free = asyncio.Semaphore(LOADS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()  # at most one each load

    def __bool__(self) -> bool:
        return bool(self._loads)

    def __contains__(self, account: int) -> bool:
        return account in self._loads

    def in_slot(self, slot: int) -> bool:
        """Whether any account of the slot is on its way."""
        return any(load.slot == slot for load in self._loads.values())

    def wait(self, asked: Asked) -> None:
        """Behind what waits for its account already."""
        self._loads[asked.account].waiting.append(asked)
        self.commands += 1
        self.bytes += asked.size

    def begin(self, slot: int, asked: Asked) -> None:
        """Read the account, and the rows that the command needs."""
        self._loads[asked.account] = load = _Load(slot, [])
        self.wait(asked)
        task = asyncio.get_running_loop().create_task(self._run(asked.account, load), name="mailbox load")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, slot: int) -> None:
        """What was read of the slot until now does not count."""
        for load in self._loads.values():
            load.stale = load.stale or load.slot == slot

    async def _run(self, number: int, load: _Load) -> None:
        try:
            async with self._free:
                await self._load(number, load)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait have to hear of it
            for asked in load.waiting:
                asked.fail(error)
        del self._loads[number]
        self.commands -= len(load.waiting)
        self.bytes -= sum(asked.size for asked in load.waiting)
        self._again([asked for asked in load.waiting if not asked.answer.done()])

    async def _load(self, number: int, load: _Load) -> None:
        account = self._held.get(number)
        if account is None:
            account = await storage.activate(self._store, number)
            if load.stale:
                return
            self._held.hold(account)
            self._activated()
        for box in indexes_needed(account, load.waiting[0].command):
            await storage.load_index(self._store, account, box)
            if self._held.get(number) is not account:
                return
            self._held.loaded(account, box.messages)
