"""Rounds on the same data: load, kill -9 at a random moment, restart, verify.

The law: the moment of the kill and every choice of the load come from the seed; nothing is ever repaired between
rounds, and a server that does not serve within START_S_MAX has failed.
"""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.kill.inside import check_data
from tests.load import clients
from tests.load.arranging import Arranged, arrange, verify_arranged
from tests.load.believing import Believer, compare_believers
from tests.load.clients import LOGINS, MAILBOXES, Load
from tests.load.filing import Kept, file, verify_all_filed
from tests.load.following import Follower, compare_all
from tests.load.ledger import Broken, Later, Ledger, Sent
from tests.load.reading import verify
from tests.load.wire import Address
from tests.running import Running, free_ports

SMTP_CLIENTS: Final = 4
LMTP_CLIENTS: Final = 3
APPEND_CLIENTS: Final = 2  # an account
JMAP_CLIENTS: Final = 2  # likewise
LOAD_S_MAX: Final = 1.5
ROUND_S_MAX: Final = 60.0
START_S_MAX: Final = 10.0  # usually half a second; a busy machine takes longer
KILLED_AT_START: Final = 0.15  # share of rounds in which the next server is killed while it starts
ALL_BYTES_EVERY: Final = 25  # rounds
SETTINGS: Final = (
    '[imap]\nplaintext_login = true\n[log]\nlevel = "warning"\n[[listen]]\nprotocol = "https"\nport = %d\n'
)


@dataclass
class Totals:
    """What was done so far."""

    rounds: int = 0
    killed_at_start: int = 0
    sent_again: int = 0
    start_s: list[float] = field(default_factory=list)


@dataclass
class Rounds:
    """A server on `data` and its history."""

    data: Path
    seed: int
    store: str = "lmdb"
    ledger: Ledger = field(default_factory=Ledger)
    totals: Totals = field(default_factory=Totals)
    arranged: Arranged = field(default_factory=Arranged)
    followers: list[Follower] = field(default_factory=list)
    believers: list[Believer] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.followers = [Follower(login, mailbox) for login in LOGINS for mailbox in MAILBOXES]
        self.believers = [Believer(login) for login in LOGINS]
        self.kept = [Kept(login, f"j{login[0]}{number}") for login in LOGINS for number in range(JMAP_CLIENTS)]
        (self._https,) = free_ports(1)
        self.server = Running(self.data, settings=f'{SETTINGS % self._https}[store]\nkind = "{self.store}"\n')

    def run(self, rounds: int) -> Iterator[Totals]:
        """Play so many rounds. Raises Broken."""
        self._start()
        for number in range(rounds):
            asyncio.run(self._load())
            self._maybe_kill_at_start()
            self._start()
            every = number + 1 == rounds or (number + 1) % ALL_BYTES_EVERY == 0
            asyncio.run(self._verify(all_bytes=every))
            self.totals.rounds += 1
            yield self.totals
        self._finish()

    @property
    def played(self) -> int:
        """Rounds."""
        return self.totals.rounds

    @property
    def acknowledged(self) -> int:
        """Of everything."""
        return self.ledger.acknowledged.total()

    def close(self) -> None:
        """Nothing goes on running."""
        if self.server.process is not None:
            self.server.kill()

    async def _verify(self, *, all_bytes: bool) -> None:
        await verify_all_filed(self._door, self.kept)
        await verify(self._door("imap"), self.ledger, all_bytes=all_bytes)
        await verify_arranged(self._door("imap"), self.arranged, LOGINS)
        await compare_all(self._door("imap"), self.followers)
        await compare_believers(self._door("https"), self._door("imap"), self.believers)

    async def _load(self) -> None:
        """Everyone at once, until the server dies."""
        again = self.ledger.to_send_again()
        self.totals.sent_again += len(again)
        imap = len(LOGINS) * (APPEND_CLIENTS + len(MAILBOXES) + 1) + len(self.followers)
        jmap = len(self.kept) + 2 * len(self.believers)
        parties = SMTP_CLIENTS + LMTP_CLIENTS + imap + jmap + bool(again) + 1
        ready = asyncio.Barrier(parties)
        load = Load(self._door, self.ledger, f"{self.seed}.{self.totals.rounds}", self.dice, ready)
        playing: asyncio.Future[Any] = asyncio.gather(*map(_until_it_dies, self._clients(load, again)))
        begun: asyncio.Future[Any] = asyncio.ensure_future(ready.wait())
        async with asyncio.timeout(ROUND_S_MAX):
            await asyncio.wait({playing, begun}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({playing}, timeout=self.dice.uniform(0, LOAD_S_MAX))
            await asyncio.to_thread(self.server.kill)
            await playing

    def _door(self, protocol: str) -> Address:
        return "127.0.0.1", self._https if protocol == "https" else self.server.ports[protocol]

    def _clients(self, load: Load, again: list[Sent]) -> Iterator[Coroutine[Any, Any, None]]:
        if again:
            yield clients.send_again(load, again)
        for number in range(SMTP_CLIENTS):
            yield clients.smtp(load, f"s{number}")
        for number in range(LMTP_CLIENTS):
            yield clients.smtp(load, f"l{number}", lmtp=True)
        for login in LOGINS:
            for number in range(APPEND_CLIENTS):
                yield clients.append(load, f"{login[0]}{number}", login)
            for mailbox in MAILBOXES:
                yield clients.change(load, self.ledger.box((login, mailbox)))
            yield arrange(load, self.arranged, login)
        for follower in self.followers:
            yield follower.follow(load)
        for kept in self.kept:
            yield file(load, kept, LOGINS)
        for believer in self.believers:
            yield believer.believe(load)
            yield believer.listen(load)

    def _maybe_kill_at_start(self) -> None:
        if self.dice.random() < KILLED_AT_START:
            self.server.launch()
            time.sleep(self.dice.uniform(0.1, 0.6))
            self.server.kill()
            self.totals.killed_at_start += 1

    def _start(self) -> None:
        began_s = time.monotonic()
        self.server.start()
        took_s = time.monotonic() - began_s
        self.totals.start_s.append(took_s)
        if took_s > START_S_MAX:
            raise Broken(f"the server took {took_s:.1f} s to start")

    def _finish(self) -> None:
        """Stop as users do, and look inside."""
        code = self.server.stop()
        if code != 0:
            raise Broken(f"the server ended with {code}")
        output = self.server.output.read_text(errors="replace")
        if "Traceback" in output or ".defect" in output:
            raise Broken(f"the server's log tells of a defect: {self.server.output}")
        asyncio.run(check_data(self.data, self.store))


async def _until_it_dies(client: Coroutine[Any, Any, None]) -> None:
    try:
        await client
    except Later as told:
        raise Broken(f"a server that runs alone says: {told}") from told
    except ConnectionError:
        return
