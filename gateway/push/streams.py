"""An event source (RFC 8620 7.3) as pieces of text, for whatever carries them to the client.

The law: a piece is made when the last was taken, so a client that reads slowly hears of the newest state next. No
stream is silent for longer than its pings are apart; it ends after the first state where the client asked for that.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from gateway.push.watcher import Watcher
from mail.jmap.push import EventSource, ping_event

HELLO: Final = b":\n"  # a comment, seen at once by proxies and clients; a blank line is an event to some of these
QUIET_S: Final = 300.0  # without pings a client that has gone is found out by a comment


async def events(
    watcher: Watcher, account: int, query: EventSource, last_event_id: str = ""
) -> AsyncGenerator[bytes, None]:
    """The stream of one client, to be closed (`aclose`). Raises what Watcher.listen does, before the first piece."""
    ready = asyncio.Event()
    listener = await watcher.listen(account, query.types, mark=last_event_id, woken=ready.set)
    try:
        yield HELLO
        ready.set()  # what was missed before is told at once
        time, silence_s = asyncio.get_running_loop().time, query.ping or QUIET_S
        speaks_at = time() + silence_s
        while True:
            try:
                async with asyncio.timeout_at(speaks_at):
                    await ready.wait()
            except TimeoutError:
                yield ping_event(query.ping) if query.ping else HELLO
            else:
                ready.clear()
                told = listener.take()
                if told is None:
                    continue
                yield told.event
                if query.close_after_state:
                    return
            speaks_at = time() + silence_s
    finally:
        listener.close()
