"""Batches of foreign mail into a mailbox.

The law: a batch is answered when it is durable, and sent again under its key it is stored once. A message that cannot
be stored is named in the answer and keeps nothing else out. Only what stops every message ends the import: no room,
no service.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from actors.mailbox.client import MailboxClient
from actors.mailbox.types import KEYWORD_BYTES_MAX, KEYWORDS_MAX, Item, system_bit
from cluster.clock import Clock
from cluster.errors import AlreadyExists, NotFound, OverQuota, Refused, TooLarge
from gateway.imap.spaces import OTHERS, SHARED, is_own
from ops.admin.errors import text_of
from ops.admin.limits import BATCH_MESSAGES_MAX, KEY_BYTES_MAX, MESSAGE_BYTES_MAX
from wire import admin_pb2 as pb

PART_BYTES: Final = 3_000_000  # stored together: with one more message and its keys well below a transaction's limit
_IDEM_BYTES: Final = 32  # what Add takes
_YIELD_EVERY: Final = 16  # messages read before others get the event loop: about a millisecond
_KEYWORD: Final = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+')  # RFC 3501 9: atom


class _Ready(NamedTuple):
    """A message that was read and packed. `place`: where it stands in the batch."""

    place: int
    item: Item


class _Part(NamedTuple):
    """What is stored together: what there is of the batch from `begin` to before `end`."""

    begin: int
    end: int
    ready: Sequence[_Ready]


class Importer:
    """One account's import."""

    def __init__(self, mailboxes: MailboxClient, account: int, keywords: Iterable[str], clock: Clock) -> None:
        """`keywords`: those the account has, whose number is limited."""
        self._clock = clock
        self._mailboxes = mailboxes
        self._account = account
        self._keywords = {keyword.lower() for keyword in keywords}

    async def store(self, batch: pb.ImportBatch) -> pb.ImportedBatch:
        """Store a batch. Durable on return. Raises OverQuota, Unavailable, Refused for a batch that is none."""
        _check(batch)
        answer = pb.ImportedBatch(key=batch.key)
        ready = [one async for one in self._prepared(batch, answer)]
        for part in _parts(ready, len(batch.messages)):
            await self._store(batch, part, answer)
        answer.problems.sort(key=lambda problem: problem.index)
        return answer

    async def _prepared(self, batch: pb.ImportBatch, answer: pb.ImportedBatch) -> AsyncIterator[_Ready]:
        for index, message in enumerate(batch.messages):
            if index % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if not message.content:
                continue
            if len(message.content) > MESSAGE_BYTES_MAX:
                says = f"The message is larger than {MESSAGE_BYTES_MAX >> 20} MiB."
                answer.problems.add(index=index, says=says)
                continue
            flags, keywords, lost = self._flags(message.flags)
            if lost:
                says = f"These keywords could not be kept: {' '.join(lost)}"
                answer.problems.add(index=index, says=says, stored=True)
            prepared = await self._mailboxes.prepare(message.content)
            date_ms = message.date_ms or self._clock.now_ms()
            yield _Ready(index, Item(prepared, date_ms, flags, tuple(keywords)))

    def _flags(self, names: Iterable[str]) -> tuple[int, list[str], list[str]]:
        """System bits, keywords, and keywords that are none or too many."""
        bits, keywords, lost = 0, [], []
        for name in names:
            if name.startswith("\\"):
                bits |= system_bit(name)
            elif not _KEYWORD.fullmatch(name) or len(name) > KEYWORD_BYTES_MAX:
                lost.append(name)
            elif name.lower() in self._keywords or len(self._keywords) < KEYWORDS_MAX:
                self._keywords.add(name.lower())
                keywords.append(name)
            else:
                lost.append(name)
        return bits, keywords, lost

    async def _store(self, batch: pb.ImportBatch, part: _Part, answer: pb.ImportedBatch) -> None:
        """All of a part together, or where something is wrong with one of them, each alone."""
        try:
            await self._add(batch.mailbox, [one.item for one in part.ready], _idem(batch, part))
        except OverQuota:
            raise
        except (Refused, TooLarge) as error:
            if len(part.ready) > 1:
                for one in part.ready:
                    await self._store(batch, _Part(one.place, one.place + 1, [one]), answer)
                return
            answer.problems.add(index=part.ready[0].place, says=text_of(error))
            return
        answer.stored += len(part.ready)

    async def _add(self, mailbox: str, items: Sequence[Item], idem: bytes) -> None:
        try:
            await self._mailboxes.add(self._account, mailbox, items, idem=idem)
        except NotFound:
            await self._make(mailbox)
            await self._mailboxes.add(self._account, mailbox, items, idem=idem)

    async def _make(self, mailbox: str) -> None:
        try:
            await self._mailboxes.create(self._account, mailbox)
            await self._mailboxes.subscribe(self._account, mailbox, on=True)
        except AlreadyExists:
            return


def _check(batch: pb.ImportBatch) -> None:
    if not 1 <= len(batch.key) <= KEY_BYTES_MAX:
        raise Refused(f"A batch needs a key of 1 to {KEY_BYTES_MAX} bytes.")
    if len(batch.messages) > BATCH_MESSAGES_MAX:
        raise Refused(f"A batch has at most {BATCH_MESSAGES_MAX} messages.")
    if not is_own(batch.mailbox):
        raise Refused(f"Below {OTHERS} and {SHARED} users see the mailboxes of others.")


def _parts(ready: Sequence[_Ready], end: int) -> Iterator[_Part]:
    """Cut where a part would become too large for a transaction. `end`: how many messages the batch has."""
    begin = first = held = 0
    for number, one in enumerate(ready):
        message = one.item.message
        size = len(message.packed or b"") + len(message.record)
        if number > first and held + size > PART_BYTES:
            yield _Part(begin, one.place, ready[first:number])
            begin, first, held = one.place, number, 0
        held += size
    if ready:
        yield _Part(begin, end, ready[first:])


def _idem(batch: pb.ImportBatch, part: _Part) -> bytes:
    """The key of a part: the same when the batch comes again, also where the client has lost some of its messages."""
    text = b"%b\0%d %d" % (batch.key, part.begin, part.end)
    return hashlib.blake2b(text, digest_size=_IDEM_BYTES, person=b"rookery import").digest()
