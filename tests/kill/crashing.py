"""Die at every point between the last byte of a message and the end, look at what is left, and send it again.

`python -m tests.kill.crashing CASE DIRECTORY` prints one JSON line for each point: its name, whether the 250 had been
written, in how many of the accounts the message was found. It ends with an error at the first point after which the
store is not whole.

How: one process makes a data directory with two accounts and forks a child that delivers on a copy of it, through the
real connection, session, client, shard, store and blobs, lives, and notes all its points (points.py). Then it forks for
each of them, on a fresh copy, a child that delivers and dies there, and another that judges what was left. A child that
lives did not come by its point this time: two threads took another turn; it is judged like one that died, under the
name "". The forking process itself never starts a thread or a loop, so each child is as if newly started.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from cluster.blobs.blobs import Blobs
from cluster.blobs.files import FileBlobs
from cluster.clock import SystemClock, system_dice
from cluster.meta.lmdb import LmdbStore
from cluster.meta.store import Store
from gateway.smtp.connection import Connection
from gateway.smtp.metrics import Metrics
from gateway.smtp.partly import Partly
from gateway.smtp.server import SmtpServer
from gateway.smtp.settings import SmtpSettings
from gateway.smtp.world import World
from mail.smtp.states import Role
from ops.cli.alone import furnish
from ops.core import Core, over
from tests.kill.inside import accounts_of, check_account
from tests.kill.points import DIED, CrashingLoop, Point, Points
from tests.load.clients import LOGINS
from tests.load.messages import is_whole, message, stuffed, token_of

MAP_BYTES: Final = 64 * 1024 * 1024
ANSWER_S_MAX: Final = 30.0
CHILD_S_MAX: Final = 60


class Case(NamedTuple):
    """A delivery. `earlier`: messages the accounts had before."""

    role: Role
    recipients: int
    is_large: bool
    earlier: int


CASES: Final = {
    "smtp": Case(Role.SMTP, 1, is_large=False, earlier=2),
    "new account": Case(Role.SMTP, 1, is_large=False, earlier=0),
    "large": Case(Role.SMTP, 2, is_large=True, earlier=1),
    "lmtp": Case(Role.LMTP, 2, is_large=False, earlier=1),
}


class Judged(NamedTuple):
    """What was found after one death at `point`, or, where that is "", after one that lived."""

    point: str
    acknowledged: int
    found: int


class Client(asyncio.Transport):
    """The client's end: what it is told is noted in a file, as the last thing before it would be on the wire."""

    def __init__(self, heard: Path, points: Points) -> None:
        super().__init__()
        self._heard = os.open(heard, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._points = points
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: Any) -> None:
        self._points.reached("client: before it is told")
        os.write(self._heard, data)
        self._points.reached("client: told")
        for line in bytes(data).splitlines():
            if line[3:4] != b"-":
                self._lines.put_nowait(line)

    async def reply(self) -> bytes:
        """The last line of the next reply."""
        return await asyncio.wait_for(self._lines.get(), ANSWER_S_MAX)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None: ...


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[tuple[Store, Blobs, Core]]:
    """All that an alone server has below its gateways."""
    clock = SystemClock()
    store = await LmdbStore.open(data / "store", map_bytes=MAP_BYTES, clock=clock)
    blobs = FileBlobs(data / "blobs", clock=clock)
    try:
        async with over(store, blobs, clock, system_dice(), None, CollectorRegistry()) as core:
            yield store, blobs, core
    finally:
        await blobs.close()
        await store.close()


async def deliver(core: Core, case: Case, token: str, heard: Path, points: Points) -> None:
    """One message through a real connection; points count from its last byte on."""
    client = Client(heard, points)
    connection = _connection(core, case.role)
    connection.connection_made(client)
    hello = b"LHLO" if case.role is Role.LMTP else b"EHLO"
    rcpts = b"".join(b"RCPT TO:<%b>\r\n" % login.encode() for login in LOGINS[: case.recipients])
    connection.data_received(b"%b kill.test\r\n" % hello)
    connection.data_received(b"MAIL FROM:<load@kill.test>\r\n%bDATA\r\n" % rcpts)
    while not (await client.reply()).startswith(b"354"):
        pass
    content = stuffed(message(token))
    connection.data_received(content[:-1])
    await asyncio.sleep(0)
    points.counting = True
    connection.data_received(content[-1:])
    for _ in range(case.recipients if case.role is Role.LMTP else 1):
        reply = await client.reply()
        assert reply.startswith(b"250 "), reply
    connection.connection_lost(None)
    assert connection.task is not None
    await connection.task


def _connection(core: Core, role: Role) -> Connection:
    """A connection as the server's listener makes it; only the socket is not there."""
    world = World(
        core.directory,
        core.mailboxes,
        SmtpSettings(),
        structlog.get_logger(),
        core.clock,
        core.dice,
        "mx.test",
        Partly(),
        bytes(32),
    )
    return SmtpServer(world, Metrics(CollectorRegistry()), tls=None)._factory(role, "none")()


def token(case: Case, number: int = 0) -> str:
    """A token whose message is as large as the case wants."""
    tokens = (f"crash.{number}.{attempt}" for attempt in count())
    return next(one for one in tokens if (len(message(one)) > 200_000) is case.is_large)


# Each of the following runs in a child of its own.


def make(case: Case, data: Path) -> None:
    """The data directory that every attempt starts from."""

    async def main() -> None:
        async with opened(data) as (_store, _blobs, core):
            await furnish(core)
            for number in range(1, case.earlier + 1):
                both = case._replace(recipients=len(LOGINS))
                await deliver(core, both, token(case, number), data / "earlier", Points())

    asyncio.run(main())


def attempt(case: Case, data: Path, fatal: Point | None) -> None:
    """Deliver, shut down, and die at `fatal` if it comes by; one that lives notes its points."""
    points = Points(fatal)
    loop = CrashingLoop(points)
    threading.setprofile(points.profile)

    async def main() -> None:
        loop.set_task_factory(points.task)  # from here on: this task itself is not under test
        async with opened(data) as (_store, _blobs, core):
            await deliver(core, case, token(case), data / "heard", points)

    loop.run_until_complete(main())
    _note(data / "points", json.dumps(points.all()))


def judge(case: Case, data: Path) -> None:
    """Whole or absent, and there if it was acknowledged; and the next message is taken as ever.

    That next one is the same again, as a relay would send it: a copy more, since after a crash nobody can know that the
    first one was not meant to be another (RFC 5321 6.1 prefers a second copy to loss).
    """

    async def main() -> None:
        heard = (data / "heard").read_bytes().rpartition(b"354 ")[2].splitlines()
        acknowledged = sum(line.startswith(b"250 ") for line in heard)
        async with opened(data) as (store, blobs, core):
            found = await _copies(store, blobs, case)
            assert all(copies <= 1 for copies in found), f"found {found}"
            promised = acknowledged if case.role is Role.LMTP else acknowledged * case.recipients
            assert all(found[:promised]), f"acknowledged {acknowledged}, found {found}"
            await deliver(core, case, token(case), data / "again", Points())
            again = await _copies(store, blobs, case)
            assert again == [copies + 1 for copies in found], f"found {found}, sent again: {again}"
        _note(data / "found", json.dumps([acknowledged, sum(found)]))

    asyncio.run(main())


async def _copies(store: Store, blobs: Blobs, case: Case) -> list[int]:
    """How often each recipient has the message. All messages are looked at, and the accounts' own checks made."""
    copies: dict[int, int] = {}
    for account in await accounts_of(store):
        stored = await check_account(store, blobs, account)
        tokens = [token_of(one.content) for one in stored]
        assert all(is_whole(one.content, token_of(one.content), traced=True) for one in stored)
        assert len([one for one in tokens if one != token(case)]) == case.earlier, "an earlier message is gone"
        copies[account] = tokens.count(token(case))
    return [copies.get(account, 0) for account in await _recipients(store, case)]


async def _recipients(store: Store, case: Case) -> list[int]:
    from actors.directory.client import DirectoryClient
    from actors.directory.types import Local

    directory = DirectoryClient(store, SystemClock(), system_dice())
    try:
        found = [await directory.resolve(login) for login in LOGINS[: case.recipients]]
        return [one.targets[0].account for one in found if isinstance(one, Local)]
    finally:
        directory.close()


def _note(path: Path, text: str) -> None:
    path.write_text(text)


# The process that forks.


def play(name: str, directory: Path) -> None:
    """Try every point of a case."""
    case, template, data = CASES[name], directory / "template", directory / "data"
    template.mkdir(parents=True)
    assert _forked(make, case, template) == 0
    _tried(case, template, data, None)
    for point in json.loads((data / "points").read_text()):
        _tried(case, template, data, Point(*point))


def _tried(case: Case, template: Path, data: Path, fatal: Point | None) -> None:
    """Deliver on a fresh copy, die at `fatal`, and tell what was left."""
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(template, data)
    code = _forked(attempt, case, data, fatal)
    assert code in (0, DIED), f"{fatal}: exit code {code}"
    assert _forked(judge, case, data) == 0, f"{fatal}: not whole"
    point = fatal.name if fatal and code == DIED else ""
    print(json.dumps(Judged(point, *json.loads((data / "found").read_text()))), flush=True)


def _forked(work: Callable[..., None], *args: Any) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(CHILD_S_MAX)
    try:
        work(*args)
    except BaseException:  # told, and never into the parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    play(sys.argv[1], Path(sys.argv[2]))
