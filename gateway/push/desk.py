"""What PushSubscription/set does besides writing objects: a code is pushed at once, and who sends is told.

The law: who sends knows of an account before it has a subscription, so that none is forgotten whatever dies when. How
many codes are pushed for a user is bounded (RFC 8620 8.6): they go to a URL that nobody has proved to be his.
"""

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from actors.push.client import PushClient
from cluster.clock import Clock
from cluster.errors import OverLimit, Trouble
from gateway.push.pusher import Pusher
from gateway.push.watcher import Watcher
from mail.jmap.subscriptions import Subscription

CODES_MAX: Final = 30  # of one user in CODES_S, from each process: all his devices, and who tries them out
CODES_S: Final = 600.0
USERS_MAX: Final = 10_000  # whose codes are counted: about 200 bytes each
AT_ONCE_MAX: Final = 100  # codes on their way
TRIES_S: Final = (0.0, 5.0, 30.0)  # after these pauses


class Desk:
    """One a gateway process."""

    def __init__(self, client: PushClient, pusher: Pusher, watcher: Watcher, clock: Clock) -> None:
        self._client = client
        self._pusher = pusher
        self._watcher = watcher
        self._clock = clock
        self._codes: OrderedDict[int, list[float]] = OrderedDict()  # when they were asked for
        self._tasks: set[asyncio.Task[None]] = set()

    async def server_key(self) -> str:
        """What the session shows and a new subscription is made under (RFC 9749). Raises Unavailable."""
        return await self._pusher.server_key()

    async def making(self, account: int) -> None:
        """Before a subscription is written. Raises OverLimit (a `rateLimit`), Unavailable."""
        now = self._clock.monotonic()
        asked = [at for at in self._codes.pop(account, []) if at > now - CODES_S]
        self._codes[account] = asked
        if len(self._codes) > USERS_MAX:
            self._codes.popitem(last=False)
        if len(asked) >= CODES_MAX or len(self._tasks) >= AT_ONCE_MAX:
            raise OverLimit("Too many push subscriptions are being made; try again later.")
        asked.append(now)
        await self._client.note(account)

    def made(self, account: int, subscription: Subscription) -> None:
        """It is written: push its code, at once."""
        task = asyncio.get_running_loop().create_task(self._verify(account, subscription), name="push code")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def verified(self, account: int, subscription: Subscription) -> None:
        """Its client has told the code, and that is written: what happens from now on is pushed. Raises Trouble."""
        listener = await self._watcher.listen(account)
        try:
            mark = listener.mark
        finally:
            listener.close()
        await self._client.note(account, {subscription.id: mark})

    async def stop(self) -> None:
        """Leave what is under way: who wants a code asks again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _verify(self, account: int, subscription: Subscription) -> None:
        why = ""
        for pause_s in TRIES_S:
            await asyncio.sleep(pause_s)
            try:
                outcome = await self._pusher.verify(subscription)
            except Trouble as trouble:
                why = trouble.log
                continue
            if outcome.meaning == "taken":
                return
            why = outcome.why
            if outcome.meaning not in ("again", "slower"):
                break
        structlog.get_logger().info("push.code_failed", account=account, why=why)
