"""Mail in and out for operators: which account is meant, then `importing` and `exporting` do it."""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator
from contextlib import aclosing

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from cluster.clock import Clock
from ops.admin.directory import Context, Unclear
from ops.admin.exporting import export
from ops.admin.importing import Importer
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc


class MailboxService(admin_pb2_grpc.MailboxesServicer):
    """The calls of rookery.admin.v1.Mailboxes, as the schema tells them."""

    def __init__(self, directory: DirectoryClient, mailboxes: MailboxClient, clock: Clock) -> None:
        self._clock = clock
        self._directory = directory
        self._mailboxes = mailboxes

    async def ListMailboxes(self, request: pb.ListMailboxesRequest, context: Context) -> pb.MailboxTree:
        """An account's mailboxes."""
        account = await self._directory.get_account(request.account)
        tree = await self._mailboxes.tree(account.id)
        boxes = [
            pb.Mailbox(name=box.name, role=box.role, uidvalidity=box.uidvalidity, messages=box.messages, bytes=box.size)
            for box in tree.mailboxes
        ]
        return pb.MailboxTree(account_id=account.id, mailboxes=boxes)

    async def Import(
        self, requests: AsyncIterator[pb.ImportRequest], context: Context
    ) -> AsyncIterator[pb.ImportResponse]:
        """Store batches in the order they come, and answer each once it is durable."""
        first = await anext(requests, None)
        if first is None or not first.HasField("open"):
            raise Unclear("An import begins by naming the account.")
        account = await self._directory.get_account(first.open.account)
        tree = await self._mailboxes.tree(account.id)
        importer = Importer(self._mailboxes, account.id, tree.keywords, self._clock)
        yield pb.ImportResponse(opened=pb.ImportOpened(account_id=account.id))
        async for request in requests:
            yield pb.ImportResponse(batch=await importer.store(request.batch))

    async def Export(self, request: pb.ExportRequest, context: Context) -> AsyncIterator[pb.ExportedMessage]:
        """Messages of a mailbox, one after another as the client takes them."""
        account = await self._directory.get_account(request.account)
        async with aclosing(export(self._mailboxes, account.id, request)) as messages:
            async for message in messages:
                yield message
