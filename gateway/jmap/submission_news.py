"""Tells that the queue has news of a submission, so that clients that are pushed to ask.

The law: nothing of a submission is written here: its type is stamped as changed, and who asks then finds what the queue
says. However much happens to an account's mail at once, it is told of once in PAUSE_S.
"""

import asyncio
import re
from typing import Final, Protocol

from actors.queue.types import Envelope
from cluster.errors import Trouble
from gateway.jmap.parts import ObjectChange
from gateway.jmap.records import NOTHING
from gateway.jmap.submission_records import KIND
from gateway.smtp.parts import Log

PAUSE_S: Final = 1.0
_OURS: Final = re.compile(r"[0-9a-f]{14}\.1").fullmatch  # what submitting.py calls mail; SMTP's is shorter


class Objects(Protocol):
    """Of MailboxClient."""

    async def put_objects(self, account: int, changes: list[ObjectChange]) -> int:
        """Write, or remove."""
        ...


class SubmissionNews:
    """Implements Settled. One beside a deliverer."""

    def __init__(self, objects: Objects, log: Log, *, pause_s: float = PAUSE_S) -> None:
        self._objects = objects
        self._log = log
        self._pause_s = pause_s
        self._waiting: dict[int, asyncio.Task[None]] = {}

    def changed(self, mail: Envelope) -> None:
        """Something has become of mail."""
        if not mail.account or mail.account in self._waiting or not _OURS(mail.ident):
            return
        task = asyncio.get_running_loop().create_task(self._tell(mail.account), name="submission news")
        self._waiting[mail.account] = task

    async def close(self) -> None:
        """Tell no more."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, account: int) -> None:
        try:
            await asyncio.sleep(self._pause_s)
        finally:
            del self._waiting[account]
        try:
            await self._objects.put_objects(account, [(KIND, f"{NOTHING:x}", None)])
        except Trouble as trouble:  # who asks hears of it all the same
            self._log.warning("jmap.news_lost", account=account, why=trouble.log)
