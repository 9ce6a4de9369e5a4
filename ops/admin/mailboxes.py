"""An account's mailboxes for operators, and mail in and out: which account is meant, then `importing` and `exporting`
do it.

The law: an operator acts for the account, so no access list keeps him out; whom one names is said as IMAP says it.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, Literal

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from actors.mailbox.types import MailboxInfo
from cluster.clock import Clock
from gateway.imap.access import RIGHTS, without_virtual
from gateway.imap.identifiers import stored, told
from gateway.imap.spaces import OTHERS, SHARED, is_own
from ops.admin.directory import Context, Unclear
from ops.admin.exporting import export
from ops.admin.importing import Importer
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

_MODES: Final[dict[int, Literal["replace", "add", "remove"]]] = {
    pb.RIGHTS_MODE_UNSPECIFIED: "replace",
    pb.RIGHTS_MODE_ADD: "add",
    pb.RIGHTS_MODE_REMOVE: "remove",
}


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
        boxes = [await self._mailbox(box) for box in tree.mailboxes]
        return pb.MailboxTree(account_id=account.id, mailboxes=boxes)

    async def CreateMailbox(self, request: pb.CreateMailboxRequest, context: Context) -> pb.Mailbox:
        """A new mailbox, with its account's subscription."""
        account = await self._directory.get_account(request.account)
        if not is_own(request.name):
            raise Unclear(f"Below {OTHERS} and {SHARED} users see the mailboxes of others.")
        await self._mailboxes.create(account.id, request.name)
        await self._mailboxes.subscribe(account.id, request.name, on=True)
        return await self._mailbox((await self._mailboxes.look(account.id, request.name)).info)

    async def ShareMailbox(self, request: pb.ShareMailboxRequest, context: Context) -> pb.Mailbox:
        """Say what somebody may do with a mailbox. What is told of a list can be taken from it."""
        account = await self._directory.get_account(request.account)
        box = (await self._mailboxes.look(account.id, request.name)).info
        grant, mode = request.grant, _MODES.get(request.mode)
        if mode is None or grant.rights.strip(RIGHTS):
            raise Unclear(f"Rights are letters of {RIGHTS}, to be set, added or removed (RFC 4314 2.1).")
        known = [one for one, _rights in box.acl if await told(self._directory, one) == grant.identifier]
        identifier = known[0] if known else await stored(self._directory, account.id, grant.identifier)
        await self._mailboxes.set_acl(account.id, box.name, identifier, without_virtual(grant.rights), mode)
        return await self._mailbox((await self._mailboxes.look(account.id, box.name)).info)

    async def _mailbox(self, box: MailboxInfo) -> pb.Mailbox:
        grants = [pb.Grant(identifier=await told(self._directory, one), rights=rights) for one, rights in box.acl]
        return pb.Mailbox(
            name=box.name,
            role=box.role,
            uidvalidity=box.uidvalidity,
            messages=box.messages,
            bytes=box.size,
            grants=grants,
        )

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
