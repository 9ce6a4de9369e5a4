"""Search indexes for operators: how one stands, and a new one.

The law: nothing is computed here; whoever keeps the index hears of the wish through the store.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from actors.directory.client import DirectoryClient
from actors.search.client import SearchClient
from ops.admin.directory import Context
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc


class SearchService(admin_pb2_grpc.SearchServicer):
    """The calls of rookery.admin.v1.Search, as the schema tells them."""

    def __init__(self, directory: DirectoryClient, search: SearchClient) -> None:
        self._directory = directory
        self._search = search

    async def GetSearchIndex(self, request: pb.GetSearchIndexRequest, context: Context) -> pb.SearchIndex:
        """How an account's index stands."""
        account = await self._directory.get_account(request.account)
        status = await self._search.status(account.id)
        return pb.SearchIndex(
            wanted=status.wanted,
            rebuilding=status.rebuilding,
            newest=status.newest,
            watermark=status.watermark,
            messages=status.messages,
            segments=status.segments,
            entries=status.entries,
            bytes=status.size_bytes,
        )

    async def RebuildSearchIndex(
        self, request: pb.RebuildSearchIndexRequest, context: Context
    ) -> pb.RebuildSearchIndexResponse:
        """A new one."""
        account = await self._directory.get_account(request.account)
        await self._search.rebuild(account.id)
        return pb.RebuildSearchIndexResponse()
