"""App passwords, second factors and programs for operators: the part of the Directory service that is about them.

The law: nothing is decided here; an app password is in the answer to its making, and in nothing else.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator
from typing import Any

import grpc

from actors.directory import proofs, scopes
from actors.directory.client import DirectoryClient
from actors.directory.granting import Grant
from cluster.errors import NotFound
from wire import admin_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]


class ProofCalls:
    """Calls of rookery.admin.v1.Directory, as the schema tells them."""

    _directory: DirectoryClient

    async def AddAppPassword(self, request: pb.AddAppPasswordRequest, context: Context) -> pb.AddAppPasswordResponse:
        """A new password for one program."""
        services = list(request.services) or scopes.SERVICES
        made = await self._directory.add_app_password(request.login, request.label, services)
        return pb.AddAppPasswordResponse(app_password=_app_password(made.kept), password=made.password)

    async def ListAppPasswords(
        self, request: pb.ListAppPasswordsRequest, context: Context
    ) -> AsyncIterator[pb.AppPassword]:
        """All of an account."""
        for one in await self._directory.list_app_passwords(request.login):
            yield _app_password(one)

    async def RemoveAppPassword(self, request: pb.RemoveAppPasswordRequest, context: Context) -> pb.AppPassword:
        """Revoke one."""
        return _app_password(await self._directory.remove_app_password(request.login, request.which))

    async def ResetSecondFactor(
        self, request: pb.ResetSecondFactorRequest, context: Context
    ) -> pb.ResetSecondFactorResponse:
        """Ask for no code any more."""
        await self._directory.remove_second_factor(request.login)
        return pb.ResetSecondFactorResponse()

    async def ListPrograms(self, request: pb.ListProgramsRequest, context: Context) -> AsyncIterator[pb.Program]:
        """What an account let in."""
        account = await self._directory.get_account(request.login)
        for one in await self._directory.authorizations.grants(account.id):
            yield _program(one)

    async def RemoveProgram(self, request: pb.RemoveProgramRequest, context: Context) -> pb.RemoveProgramResponse:
        """End it."""
        account = await self._directory.get_account(request.login)
        if not await self._directory.authorizations.remove_grant(account.id, request.id.to_bytes(8, "big")):
            raise NotFound(f"{account.login} has let in no program {request.id:016x}.")
        return pb.RemoveProgramResponse()


def _app_password(one: proofs.AppPassword) -> pb.AppPassword:
    return pb.AppPassword(
        id=int.from_bytes(one.id, "big"),
        label=one.label,
        services=one.services,
        created_ms=one.created_ms,
        used_ms=one.used_ms,
    )


def _program(one: Grant) -> pb.Program:
    return pb.Program(
        id=int.from_bytes(one.id, "big"),
        name=one.client_name,
        scopes=one.scopes,
        created_ms=one.created_ms,
        used_ms=one.used_ms,
    )
