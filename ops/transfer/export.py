"""An account's mail into files: what both formats share.

The law: a file has its name only when it is whole, so whatever an export was cut at, what is there can be kept.
"""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from actors.mailbox.types import SEPARATOR
from ops.transfer.find import LEADING_DOT
from ops.transfer.send import PROBLEMS_MAX, Problem
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Progress = Callable[[int, int], None]  # bytes and messages since the last call


@dataclass
class Exported:
    """What became of an export."""

    written: int = 0  # messages
    kept: int = 0  # messages that were there from an earlier export
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: str, says: str) -> None:
        """Keep a problem."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(where, says))


class Writer(Protocol):
    """One mailbox's files."""

    def have(self, uidvalidity: int) -> list[tuple[int, int]]:
        """UID ranges that are there already. Raises OSError."""
        ...

    def write(self, message: pb.ExportedMessage) -> None:
        """Write a message, or note the flags of one that is there. Raises OSError."""
        ...

    def finish(self) -> None:
        """All were written. Raises OSError."""
        ...

    def abandon(self) -> None:
        """Leave behind only what is whole."""
        ...


async def export(
    mailboxes: "admin_pb2_grpc.MailboxesAsyncStub",
    account: str,
    boxes: list[pb.Mailbox],
    writer_of: Callable[[pb.Mailbox], Writer],
    progress: Progress,
) -> Exported:
    """Write the mailboxes. Raises AioRpcError, OSError."""
    report = Exported()
    for box in boxes:
        writer = writer_of(box)
        try:
            have = [pb.UidRange(first=first, last=last) for first, last in writer.have(box.uidvalidity)]
            request = pb.ExportRequest(account=account, mailbox=box.name, uidvalidity=box.uidvalidity, have=have)
            await _write(mailboxes.Export(request), box, writer, report, progress)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
    return report


async def _write(
    messages: AsyncIterable[pb.ExportedMessage], box: pb.Mailbox, writer: Writer, report: Exported, progress: Progress
) -> None:
    async for message in messages:
        if message.problem:
            report.add(f"{box.name}, UID {message.uid}", message.problem)
        else:
            writer.write(message)
            report.written += message.HasField("content")
            report.kept += not message.HasField("content")
        progress(message.size, 1)


def path_of(directory: Path, name: str) -> Path:
    """Where a mailbox's mbox file goes. No level can lead out of the directory, or hide."""
    levels = [f"{LEADING_DOT}{level[1:]}" if level.startswith(".") else level for level in name.split(SEPARATOR)]
    return directory.joinpath(*levels[:-1], f"{levels[-1]}.mbox")
