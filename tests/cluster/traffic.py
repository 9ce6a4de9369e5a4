"""The load on a cluster: clients of tests/load over all gateways that come back when they are cut off or told to wait.

The law: each acknowledgement is written down with its time; what a client was not told counts as unknown. All of it
runs in the cluster's loop thread; the methods are called from the main thread.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from tests.cluster.observer import wait_for
from tests.cluster.running import Cluster
from tests.cluster.watching import Watcher
from tests.load import clients
from tests.load.arranging import Arranged, arrange, verify_arranged
from tests.load.believing import Believer, compare_believers
from tests.load.clients import INBOX, MAILBOXES, Load
from tests.load.filing import Kept, file, verify_all_filed
from tests.load.following import Follower, compare_all
from tests.load.ledger import Broken, Later, Ledger
from tests.load.reading import verify
from tests.load.wire import logged_in
from tests.running import PASSWORD

THINK_S: Final = 0.15  # some 150 commands a second in all: what two processors carry with everything else
KEEP_MAX: Final = 60  # messages of a mailbox
COME_BACK_S: Final = 0.1
END_S_MAX: Final = 100.0  # three deadlines of a gateway, and more
TOLD_S_MAX: Final = 10.0  # until an IDLE client knows what is there, when all is quiet
VERIFY_S_MAX: Final = 120.0


class Traffic:
    """Rounds of load on one cluster, and the ledger over all of them."""

    def __init__(self, cluster: Cluster, dice: random.Random, *, think_s: float = THINK_S) -> None:
        self.ledger = Ledger()
        self.arranged = Arranged()
        self.followers = [Follower(login, INBOX) for login in cluster.logins]
        self.believers = [Believer(login) for login in cluster.logins]
        self.kept = [Kept(login, f"j{number}") for number, login in enumerate(cluster.logins)]
        self.cut = Counter[str]()  # connections that broke, or could not be had, by client
        self._cluster = cluster
        self._dice = dice
        self._think_s = think_s
        self._load: Load | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Watcher] = []

    def begin(self, name: str) -> None:
        """All clients at once. Tokens begin with the round's name."""
        self.ledger.history.clear()
        self._cluster.loop.run(self._begin(name), 10)

    def end(self) -> None:
        """Let every client finish what it does. Raises Broken, TimeoutError."""
        self.watchers_know()
        self._cluster.loop.run(self._end(), END_S_MAX + 10)

    def verify(self, *, all_bytes: bool = False) -> None:
        """Every mailbox against the ledger, through any gateway. Raises Broken."""
        self._cluster.loop.run(self._verify(all_bytes), VERIFY_S_MAX)

    def served_since(self, at: float, logins: list[str]) -> str:
        """Those of the accounts of which nothing was acknowledged since; empty: all were."""
        if broken := self.broken():
            raise broken
        served = {said.login for said in list(self.ledger.history) if said.at > at}
        return ", ".join(sorted(set(logins) - served))

    def gap(self, since: float, login: str) -> float:
        """The longest time without an acknowledgement for the account that ended after `since`, in seconds."""
        times = [said.at for said in self.ledger.history if said.login == login]
        pairs = itertools.pairwise(times)
        return max((after - before for before, after in pairs if after > since), default=0.0)

    def broken(self) -> BaseException | None:
        """What ended a client before its time."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                return error
        return None

    def began_again(self) -> int:
        """How often an IDLE client of this round was cut off, and came back."""
        return sum(watcher.begun - 1 for watcher in self._watchers)

    def watchers_know(self) -> None:
        """The clients that change things rest; then every IDLE client must know how many messages there are."""
        assert self._load is not None
        self._load.is_resting = True
        self._cluster.loop.run(self._resting(), END_S_MAX)
        there: dict[tuple[str, str], int] = {}

        def reason() -> str:
            if broken := self.broken():
                raise broken
            if not there:
                try:
                    there.update(self._cluster.loop.run(self._counts(), 60))
                except ConnectionError as error:  # a gateway that lost its lease on a busy machine comes back
                    return f"a gateway is away: {error}"
            wrong = [one for one in self._watchers if one.count != there[one.login, one.mailbox]]
            return ", ".join(f"{one.login} has {there[one.login, one.mailbox]}, told {one.count}" for one in wrong)

        try:
            wait_for(reason, TOLD_S_MAX)
        except TimeoutError as error:
            raise Broken(f"IDLE clients do not know of changes: {error}") from error

    async def _begin(self, name: str) -> None:
        cluster, dice, ledger = self._cluster, self._dice, self.ledger
        load = Load(
            lambda protocol: cluster.door(protocol, dice), ledger, name, dice, think_s=self._think_s, keep_max=KEEP_MAX
        )
        self._load = load
        self._watchers = [Watcher(login, INBOX) for login in cluster.logins]
        work = self._work(load)
        self._changing = [asyncio.create_task(self._keep_on(load, who, do), name=who) for who, do in work.items()]
        watching = [asyncio.create_task(each.watch(load), name=f"watcher {each.login}") for each in self._watchers]
        listening = [asyncio.create_task(each.listen(load), name=f"believer {each.login}") for each in self.believers]
        self._tasks = [*self._changing, *watching, *listening]

    def _work(self, load: Load) -> dict[str, Callable[[], Awaitable[Any]]]:
        """What each client does, by its name: m delivers, a appends, c changes, w arranges, f follows; over
        JMAP j files, b believes."""
        ledger, logins = self.ledger, self._cluster.logins
        work: dict[str, Callable[[], Awaitable[Any]]] = {"m": partial(clients.smtp, load, "m", logins)}
        if again := ledger.to_send_again():
            work["again"] = partial(clients.send_again, load, again)
        for number, login in enumerate(logins):
            work[f"m{number}"] = partial(clients.smtp, load, f"m{number}", (login,), lmtp=bool(number % 2))
            work[f"a{number}"] = partial(clients.append, load, f"a{number}", login)
            for mailbox in MAILBOXES:
                work[f"c{number}.{mailbox}"] = partial(clients.change, load, ledger.box((login, mailbox)))
            work[f"w{number}"] = partial(arrange, load, self.arranged, login)
            work[f"f{number}"] = partial(self.followers[number].follow, load)
            work[f"j{number}"] = partial(file, load, self.kept[number], logins)
            work[f"b{number}"] = partial(self.believers[number].believe, load)
        return work

    async def _keep_on(self, load: Load, who: str, do: Callable[[], Awaitable[Any]]) -> None:
        """Again and again, through any gateway, until the round is over."""
        while not load.is_resting:
            try:
                await do()
                if who == "again":
                    return
            except Later:
                pass  # counted by the ledger
            except (ConnectionError, OSError):
                self.cut[who[0]] += 1
            await asyncio.sleep(COME_BACK_S)

    async def _resting(self) -> None:
        await asyncio.wait(self._changing)

    async def _end(self) -> None:
        assert self._load is not None
        self._load.is_over = True
        _done, late = await asyncio.wait(self._tasks, timeout=END_S_MAX)
        for task in late:
            task.cancel()
        if late:
            raise Broken(f"{len(late)} clients wait for an answer: {sorted(task.get_name() for task in late)}")
        if broken := self.broken():
            raise broken

    async def _counts(self) -> dict[tuple[str, str], int]:
        found = {}
        for watcher in self._watchers:
            async with logged_in(self._door("imap"), watcher.login, PASSWORD) as imap:
                opened = await imap.done(f"EXAMINE {watcher.mailbox}")
                found[watcher.login, watcher.mailbox] = opened.number(rb"\* (\d+) EXISTS")
        return found

    async def _verify(self, all_bytes: bool) -> None:
        for attempt in range(3):  # what was cut off is asked again; what is found is held against the ledger once
            with suppress(ConnectionError):
                await verify_all_filed(self._door, self.kept)
                await verify(self._door("imap"), self.ledger, logins=self._cluster.logins, all_bytes=all_bytes)
                await verify_arranged(self._door("imap"), self.arranged, self._cluster.logins)
                await compare_all(self._door("imap"), self.followers)
                await compare_believers(self._door("https"), self._door("imap"), self.believers)
                return
            if attempt == 2:
                raise Broken("the cluster cannot be read from when all is quiet")

    def _door(self, protocol: str) -> tuple[str, int]:
        return self._cluster.door(protocol, self._dice)
