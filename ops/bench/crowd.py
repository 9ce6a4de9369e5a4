"""Many IMAP clients that wait, in a process of their own: `python -m ops.bench.crowd PORT CONNECTIONS ACCOUNTS`.

The law: each has selected INBOX and said IDLE (RFC 2177) before `ready` is printed; then nothing is said until standard
input ends. The memory and the processor of this process are not the server's.
"""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ops.bench.imap import loop_factory
from ops.bench.peers import environment
from ops.bench.wire import Swift

AT_ONCE: Final = 50  # that log in
FILES_MAX: Final = 16_384  # a server of many connections needs them, and so does their client
READY: Final = b"ready\n"


async def gather(port: int, connections: int, accounts: int) -> list[Swift]:
    """All of them, idle."""
    found: list[Swift] = []
    numbers = iter(range(connections))

    async def some() -> None:
        for number in numbers:
            client = await Swift.open(port, number % accounts)
            await client.command(b"SELECT INBOX\r\n")
            await client.idle()
            found.append(client)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    return found


@contextmanager
def crowd(port: int, connections: int, accounts: int) -> Iterator[None]:
    """Such a process, as long as the block lasts. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "ops.bench.crowd", str(port), str(connections), str(accounts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != READY:
            raise RuntimeError(f"{connections} clients did not come to rest")
        try:
            yield
        finally:
            process.stdin.close()


def raise_files_limit() -> None:
    """Open files of this process and of those that it starts, as a service's unit file would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _stay(port: int, connections: int, accounts: int) -> None:
    clients = await gather(port, connections, accounts)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    await asyncio.to_thread(sys.stdin.read)
    for client in clients:
        client.close()


def main() -> None:
    """The arguments as in the first line of this file."""
    raise_files_limit()
    port, connections, accounts = map(int, sys.argv[1:])
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_stay(port, connections, accounts))


if __name__ == "__main__":
    main()
