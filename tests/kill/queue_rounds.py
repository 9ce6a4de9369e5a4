"""Rounds over the queue: mail to other servers is submitted, the server killed with -9, started again; and again.

The law: the sink and its log outlive the kills; in the end the sink is polite, the queue is waited for until it is
empty, and everything is reckoned up (outgoing.py). Nothing is repaired by hand but what an operator would do after a
crash, and that is said here.
"""

import asyncio
import email
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.kill import sink
from tests.kill.outgoing import Mail, Outgoing, Reckoned, Taken, read_log
from tests.load.ledger import Broken
from tests.load.messages import message, stuffed
from tests.load.wire import Address, Wire, connected, logged_in
from tests.running import DOMAIN, PASSWORD, Running, environment, free_ports

CLIENTS: Final = 4
DESTINATIONS: Final = 6  # domains: each has its turn, its limits and its back-off in the server
THINK_S: Final = 0.02  # between two messages of a client, so that the queue is never far behind
LOAD_S: Final = (0.3, 2.5)
KILLED_AT_START: Final = 0.15  # share of rounds in which the next server is killed while it starts
EMPTY_S_MAX: Final = 240.0
LOOK_S: Final = 1.0
MESSAGE_ID_END: Final = "@kill.test"  # of tests/load/messages.py
SENDER: Final = f"alice@{DOMAIN}"
# As impatient as the settings allow.
SETTINGS: Final = """
[imap]
plaintext_login = true
[smtp]
relay_from = ["127.0.0.0/8"]
[log]
level = "warning"
{outbound}
"""


@dataclass
class QueueRounds:
    """A server, its sink, and their history."""

    place: Path
    seed: int
    store: str = "lmdb"
    ledger: Outgoing = field(default_factory=Outgoing)
    played: int = 0
    start_s: list[float] = field(default_factory=list)
    reckoned: Reckoned = field(default_factory=Reckoned)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._numbers = count()
        self._sink_folder = self.place / "sink"
        self._sink_folder.mkdir(parents=True)
        (self._sink_port,) = free_ports(1)
        self._sink: subprocess.Popen[bytes] | None = None
        outbound = OUTBOUND.format(host=sink.HOST, port=self._sink_port)
        settings = SETTINGS.format(outbound=outbound) + f'[store]\nkind = "{self.store}"\n'
        self.server = Running(self.place / "data", settings=settings)

    def run(self, rounds: int, *, kills: bool = True) -> Iterator[int]:
        """Play so many rounds and reckon up. `kills`: else the server runs through. Raises Broken."""
        self._start_sink()
        self._start()
        for number in range(rounds):
            asyncio.run(self._load(kills=kills))
            if kills:
                self._maybe_kill_at_start()
                self._start()
            self.played += 1
            yield number + 1
        self._finish()

    @property
    def acknowledged(self) -> int:
        """Messages."""
        return len(self.ledger.acknowledged)

    @property
    def killed(self) -> int:
        """How often the server was killed."""
        return len(self.ledger.killed_at)

    def close(self) -> None:
        """Nothing goes on running."""
        if self.server.process is not None:
            self.server.kill()
        if self._sink is not None:
            self._sink.kill()
            self._sink.wait()
            self._sink = None

    # -- rounds ----------------------------------------------------------------------------------------------------

    def _start_sink(self) -> None:
        command = [sys.executable, "-m", "tests.kill.sink", str(self._sink_folder), str(self._sink_port)]
        with (self._sink_folder / "output").open("ab") as output:
            self._sink = subprocess.Popen([*command, str(self.seed)], env=environment(), stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while not (self._sink_folder / sink.READY).exists():
            assert time.monotonic() < deadline, (self._sink_folder / "output").read_text()
            time.sleep(0.05)

    async def _load(self, *, kills: bool) -> None:
        """Everyone at once, until the server dies or the time is over."""
        until = time.monotonic() + self.dice.uniform(*LOAD_S)
        clients = [asyncio.ensure_future(self._submit(until + 60 * kills)) for _ in range(CLIENTS)]
        await asyncio.sleep(until - time.monotonic())
        if kills:
            await asyncio.to_thread(self._kill)
        await asyncio.gather(*clients)

    async def _submit(self, until: float) -> None:
        """One client, which notes each acknowledgement when it has read it."""
        try:
            async with connected(self._door("smtp")) as wire:
                await _expect(wire, 220)
                await wire.send(b"EHLO kill.test\r\n")
                await _expect(wire, 250)
                while time.monotonic() < until:
                    await self._transaction(wire)
                    await asyncio.sleep(THINK_S)
        except ConnectionError:
            return

    async def _transaction(self, wire: Wire) -> None:
        token = f"{self.seed}.{next(self._numbers)}"
        chosen = [_domain(number) for number in self.dice.sample(range(DESTINATIONS), self.dice.choice((1, 1, 1, 2)))]
        recipients = tuple(
            f"{user}@{domain}" for domain in chosen for user in ("ann", "ben")[: self.dice.choice((1, 2))]
        )
        self.ledger.sent[token] += 1
        envelope = f"MAIL FROM:<{SENDER}> ENVID={token} RET=HDRS\r\n"
        envelope += "".join(f"RCPT TO:<{to}>\r\n" for to in recipients)
        await wire.send(envelope.encode() + b"DATA\r\n")
        for _ in range(1 + len(recipients)):
            await _expect(wire, 250)
        await _expect(wire, 354)
        await wire.send(stuffed(message(token)))
        await _expect(wire, 250)
        self.ledger.acknowledged[token] = recipients

    def _kill(self) -> None:
        self.ledger.killed_at.append(time.monotonic())
        self.server.kill()

    def _maybe_kill_at_start(self) -> None:
        if self.dice.random() < KILLED_AT_START:
            self.server.launch()
            time.sleep(self.dice.uniform(0.1, 1.5))
            self._kill()

    def _start(self) -> None:
        began_s = time.monotonic()
        self.server.start()
        self.start_s.append(time.monotonic() - began_s)

    def _door(self, protocol: str) -> Address:
        return "127.0.0.1", self.server.ports[protocol]

    # -- the end ---------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        (self._sink_folder / sink.CALM).touch()
        queued = self._wait_until_empty()
        bounced = asyncio.run(self._bounced())
        code = self.server.stop()
        if code != 0:
            raise Broken(f"the server ended with {code}")
        output = self.server.output.read_text(errors="replace")
        if "Traceback" in output or ".defect" in output:
            raise Broken(f"the server's log tells of a defect: {self.server.output}")
        self.reckoned = self.ledger.reckon(self.taken(), bounced, queued)

    def taken(self) -> list[Taken]:
        """What the sink has said 250 to."""
        return read_log((self._sink_folder / sink.LOG).read_bytes().splitlines())

    def _wait_until_empty(self) -> list[Mail]:
        """What is in the queue when it is empty, or after EMPTY_S_MAX."""
        deadline = time.monotonic() + EMPTY_S_MAX
        while (waiting := self._waiting()) and time.monotonic() < deadline:
            self._command("queue", "retry", "--all")
            time.sleep(LOOK_S)
        return [
            (entry["message_id"].removesuffix(MESSAGE_ID_END), person["address"])
            for entry in waiting
            for person in entry["people"]
            if person["result"]["outcome"] not in ("delivered", "failed")
        ]

    def _waiting(self) -> list[dict[str, Any]]:
        lines = self._command("queue", "list", "--limit", "1000000", "--json").splitlines()
        entries = [json.loads(line) for line in lines]
        return [one for one in entries if one["owed"] or one["status"] not in ("delivered", "failed", "cancelled")]

    def _command(self, *words: str) -> str:
        command = [sys.executable, "-m", "ops.cli", *words, "--data", str(self.server.data)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise Broken(f"rookery {' '.join(words)}: {done.stderr}")
        return done.stdout

    async def _bounced(self) -> list[Mail]:
        """Who came back, by the reports in the sender's mailbox (RFC 3464)."""
        async with logged_in(self._door("imap"), SENDER, PASSWORD) as imap:
            opened = await imap.done("EXAMINE INBOX")
            if not opened.number(rb"\* (\d+) EXISTS"):
                return []
            answer = await imap.done("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")
        return [mail for _row, content in answer.bodies() for mail in failed(content)]


def failed(raw: bytes) -> Iterator[Mail]:
    """The token and each recipient that a report says has failed."""
    for part in email.message_from_bytes(raw).walk():
        if part.get_content_type() == "message/delivery-status":
            about, *recipients = (one for one in part.get_payload() if isinstance(one, Message))
            for one in recipients:
                if one["Action"] == "failed":
                    yield about["Original-Envelope-Id"], one["Final-Recipient"].partition(";")[2].strip()


def _domain(number: int) -> str:
    return f"s{number}.test"


async def _expect(wire: Wire, code: int) -> None:
    found, line = await wire.reply()
    if found == 421:  # the server was asked to stop
        raise ConnectionResetError
    if found != code:
        raise Broken(f"expected {code}, got {line!r}")


OUTBOUND: Final = """
[queue.schedule]
retry = [1, 1, 2]
[queue.delivery]
backoff_first_s = 1
backoff_max_s = 1
[outbound]
host_retry_s = 0.2
[[outbound.route]]
name = "sink"
host = "{host}"
port = {port}
[outbound.routes]
"*" = "sink"
"""
