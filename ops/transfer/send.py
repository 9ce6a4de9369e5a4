"""An import as the client of the admin service does it: batches out, answers in, each written down.

The law: at most IN_FLIGHT batches are unanswered, and each is in its folder's journal before it is sent.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cluster.errors import Unavailable
from ops.transfer.folder import Folder, Found
from ops.transfer.journal import Journal
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

BATCH_MESSAGES: Final = 200
BATCH_BYTES: Final = 3_000_000  # one transaction at the server; a larger message goes alone
IN_FLIGHT: Final = 2  # one is read while another is stored
PROBLEMS_MAX: Final = 1000  # kept to be shown; the rest are counted


class Problem(NamedTuple):
    """What was not imported, or not whole."""

    where: str
    says: str


@dataclass
class Report:
    """What became of an import."""

    stored: int = 0  # messages
    stored_bytes: int = 0  # as in the source
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)  # also of messages that were stored without something

    def add(self, where: str, says: str) -> None:
        """Keep a problem."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(where, says))


class _Sent(NamedTuple):
    journal: Journal
    key: bytes
    batch: Sequence[Found]
    size: int


class Sender:
    """One import into one account."""

    def __init__(
        self,
        mailboxes: "admin_pb2_grpc.MailboxesAsyncStub",
        account: str,
        report: Report,
        progress: Callable[[int, int], None],
    ) -> None:
        """`report`: filled as answers come. `progress`: called with the bytes and messages since its last call."""
        start: Any = mailboxes.Import  # its stub has no form for calls that are written to
        self._call = start()
        self._account = account
        self._progress = progress
        self._sent: deque[_Sent] = deque()
        self._report = report

    async def open(self) -> int:
        """Begin; returns the account's number. Raises AioRpcError, as everything here."""
        await self._write(pb.ImportRequest(open=pb.ImportOpen(account=self._account)))
        return int((await self._answer()).opened.account_id)

    async def send(self, folder: Folder, journal: Journal) -> None:
        """Send what the journal does not have as done; all is answered on return."""
        done = [*journal.done, *journal.doubtful.values()]
        for key, token in list(journal.doubtful.items()):
            await self._batch(folder, journal, key, list(folder.covered(token)))
        for batch in batches(folder.remaining(done)):
            await self._batch(folder, journal, journal.intend(folder.token(batch)), batch)
        while self._sent:
            await self._settle()

    async def close(self) -> None:
        """End the call."""
        await self._call.done_writing()
        await self._call.read()

    async def _batch(self, folder: Folder, journal: Journal, key: bytes, batch: Sequence[Found]) -> None:
        while len(self._sent) >= IN_FLIGHT:
            await self._settle()
        for found in batch:
            if found.problem:
                self._report.failed += 1
                self._report.add(found.where, found.problem)
        messages = [
            pb.ImportedMessage(content=found.content, date_ms=found.date_ms, flags=found.flags) for found in batch
        ]
        request = pb.ImportBatch(key=key, mailbox=folder.mailbox, messages=messages)
        self._sent.append(_Sent(journal, key, batch, sum(found.size for found in batch)))
        await self._write(pb.ImportRequest(batch=request))

    async def _settle(self) -> None:
        """Take the answer to the oldest batch."""
        answer = (await self._answer()).batch
        sent = self._sent.popleft()
        sent.journal.finish(sent.key)
        for problem in answer.problems:
            self._report.failed += not problem.stored
            self._report.add(sent.batch[problem.index].where, problem.says)
        self._report.stored += answer.stored
        self._report.stored_bytes += sent.size
        self._progress(sent.size, answer.stored)

    async def _write(self, request: pb.ImportRequest) -> None:
        try:
            await self._call.write(request)
        except asyncio.InvalidStateError:  # the call has ended; reading tells why
            await self._answer()

    async def _answer(self) -> pb.ImportResponse:
        answer = await self._call.read()
        if isinstance(answer, pb.ImportResponse):
            return answer
        raise Unavailable("The server ended the import; run the same command again to go on.")


def batches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Cut into what is sent together."""
    batch: list[Found] = []
    held = 0
    for one in found:
        if batch and (len(batch) >= BATCH_MESSAGES or held + len(one.content) > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(one)
        held += len(one.content)
    if batch:
        yield batch
