"""Password checks off the event loop, bounded, each right answer remembered for a short while.

The law: a remembered answer is for exactly one password of one account as it is stored now: setting another password
forgets it. What is remembered is a keyed digest, useless outside this process. Wrong answers are never remembered.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from actors.directory.passwords import SALT_BYTES, SCRAM_ITERATIONS, Credentials, derive, matches, prepare
from cluster.clock import Clock, Dice
from cluster.errors import Unavailable
from mail.sasl import ScramKeys, derive_scram

REMEMBERED_MAX: Final = 10_000  # 16-byte digests: about 2 MB
KEY_BYTES: Final = 32  # BLAKE2b takes up to 64

T = TypeVar("T")


class Verifier:
    """Checks and makes credentials in a few threads (Argon2 lets go of the interpreter's lock)."""

    def __init__(self, clock: Clock, dice: Dice, *, threads: int, waiting_max: int, remember_s: float) -> None:
        self._clock = clock
        self._dice = dice
        self._key = dice.randbytes(KEY_BYTES)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._waiting_max = waiting_max
        self._waiting = 0
        self._closed = False
        self._remember_s = remember_s
        self._right: OrderedDict[bytes, float] = OrderedDict()  # digest -> until when, oldest first
        self._running: dict[bytes, asyncio.Task[bool]] = {}

    async def verify(self, credentials: Credentials | None, password: str) -> bool:
        """Whether the password is right; for None it takes as long and is never. Raises Unavailable when busy."""
        digest = self._digest(credentials, password)
        if self._right.get(digest, 0.0) > self._clock.monotonic():
            return True
        # A client that opens five connections at once asks the same five times; it is worked out once.
        task = self._running.get(digest)
        if task is None:
            task = asyncio.create_task(self._work(matches, credentials, password))
            self._running[digest] = task
            task.add_done_callback(lambda done: self._finished(digest, done))
        return await asyncio.shield(task)

    async def derive(self, password: str, scram_salt: bytes = b"") -> Credentials:
        """Credentials for a new password. Raises Refused for one that cannot be used, Unavailable when busy.
        `scram_salt`: of the account's other passwords, where it has any."""
        salts = self._dice.randbytes(SALT_BYTES), scram_salt or self._dice.randbytes(SALT_BYTES)
        return await self._work(derive, prepare(password), *salts)

    async def scram_keys(self, password: str, salt: bytes) -> ScramKeys:
        """For an app password. Raises Unavailable when busy."""
        return await self._work(derive_scram, password, salt, SCRAM_ITERATIONS)

    def close(self) -> None:
        """Take no more work; what was begun ends by itself, after at most `waiting_max` checks."""
        self._closed = True
        self._pool.shutdown(wait=False)

    async def _work(self, function: Callable[..., T], *arguments: object) -> T:
        if self._closed:
            raise Unavailable("The server is shutting down; try again later.")
        if self._waiting >= self._waiting_max:
            raise Unavailable("Too many log-ins at this moment; try again in a few seconds.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self._waiting -= 1

    def _finished(self, digest: bytes, task: asyncio.Task[bool]) -> None:
        del self._running[digest]
        if task.cancelled() or task.exception() is not None or not task.result():
            return
        self._right[digest] = self._clock.monotonic() + self._remember_s
        self._right.move_to_end(digest)
        if len(self._right) > REMEMBERED_MAX:
            self._right.popitem(last=False)

    def _digest(self, credentials: Credentials | None, password: str) -> bytes:
        stored = credentials.argon2.encode() if credentials else b""
        digest = hashlib.blake2b(stored, digest_size=16, key=self._key)
        digest.update(b"\0" + password.encode(errors="surrogatepass"))
        return digest.digest()
