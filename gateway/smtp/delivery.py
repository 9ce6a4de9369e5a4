"""One message to all its destinations at once, and one answer for each recipient, or one for all.

Laws. No positive answer before every account of the recipient has the message durably, and the queue what goes to other
servers. When some destinations have it and others do not, SMTP, with its one answer, says 4xx: the peer sends all
again, nobody loses mail, and who has it does not get it twice (partly.py). A permanent failure of one recipient among
several thus ends at the peer's next RCPT, where it can be told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cluster.errors import StoreFull, Trouble, Unavailable
from gateway.smtp.replies import PARTLY, reply_to
from gateway.smtp.routing import Destination
from mail.smtp.replies import OK, Reply

Outcome = dict[Destination, Trouble | None]
"""By destination: what went wrong, or None."""
Store = Callable[[], Awaitable[object]]
"""Stores into one destination; durable on return, the same again does nothing. Raises Trouble."""


async def deliver(
    stores: Mapping[Destination, Store], beside: Awaitable[object], *, tries: int, pause_s: float
) -> Outcome:
    """Store everywhere, and wait for what is written `beside`. Never raises Trouble: it is in the outcome."""
    written = asyncio.ensure_future(beside)
    found = await asyncio.gather(*(_store(store, tries, pause_s) for store in stores.values()))
    await written
    return dict(zip(stores, found, strict=True))


async def _store(store: Store, tries: int, pause_s: float) -> Trouble | None:
    """One destination, with a few more attempts when its shard is only away for a moment."""
    for attempt in range(tries):
        try:
            await store()
            return None
        except Trouble as trouble:
            passing = isinstance(trouble, Unavailable) and not isinstance(trouble, StoreFull)
            if not passing or attempt == tries - 1:
                return trouble
        await asyncio.sleep(pause_s * (attempt + 1))
    raise AssertionError("tries is at least 1")


def verdict(outcome: Outcome, destinations: Iterable[Destination]) -> Reply:
    """The one answer for these destinations."""
    troubles = [outcome[destination] for destination in destinations]
    failures = [trouble for trouble in troubles if trouble is not None]
    if not failures:
        return OK
    answers = [reply_to(trouble) for trouble in failures]
    for reply in answers:
        if reply.code < 500:
            return reply
    return answers[0] if len(failures) == len(troubles) else PARTLY
