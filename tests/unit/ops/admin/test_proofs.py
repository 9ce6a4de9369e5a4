"""App passwords, second factors and programs, asked over the wire; and what is on record of them."""

import grpc
import pytest

from actors.directory import totp
from actors.directory.granting import challenge_of
from ops.cli.connect import Admin
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb

VERIFIER = "v" * 43


async def test_app_passwords(admin: Admin, alice: pb.Account, parts: Core) -> None:
    request = pb.AddAppPasswordRequest(login=ALICE, label="Scanner", services=["smtp"])
    made = await admin.directory.AddAppPassword(request)
    assert await parts.directory.verify(ALICE, made.password, "smtp") is not None
    assert await parts.directory.verify(ALICE, made.password, "imap") is None
    whole = await admin.directory.AddAppPassword(pb.AddAppPasswordRequest(login=ALICE, label="Phone"))
    assert len(whole.app_password.services) == 5
    listed = [one async for one in admin.directory.ListAppPasswords(pb.ListAppPasswordsRequest(login=ALICE))]
    assert {one.label for one in listed} == {"Scanner", "Phone"}
    for which in ("Scanner", f"{whole.app_password.id:016x}"):
        await admin.directory.RemoveAppPassword(pb.RemoveAppPasswordRequest(login=ALICE, which=which))
    assert await parts.directory.verify(ALICE, made.password, "smtp") is None
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await admin.directory.RemoveAppPassword(pb.RemoveAppPasswordRequest(login=ALICE, which="Scanner"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_second_factor_is_reset(admin: Admin, alice: pb.Account, parts: Core) -> None:
    secret = parts.directory.new_secret()
    code = totp.code_at(secret, parts.clock.now_ms() // 30_000)
    await parts.directory.add_second_factor(ALICE, secret, code)
    assert await parts.directory.verify(ALICE, "correct horse", "imap") is None
    await admin.directory.ResetSecondFactor(pb.ResetSecondFactorRequest(login=ALICE))
    assert await parts.directory.verify(ALICE, "correct horse", "imap") is not None


async def test_programs_are_listed_and_ended(admin: Admin, alice: pb.Account, parts: Core) -> None:
    given = parts.directory.authorizations
    code = await given.new_code(alice.id, "bird", "Bird", "http://127.0.0.1/", challenge_of(VERIFIER), ("imap",))
    tokens = await given.redeem("bird", code, "http://127.0.0.1/", VERIFIER)
    assert tokens is not None
    (one,) = [found async for found in admin.directory.ListPrograms(pb.ListProgramsRequest(login=ALICE))]
    assert (one.name, list(one.scopes)) == ("Bird", ["imap"])
    await admin.directory.RemoveProgram(pb.RemoveProgramRequest(login=ALICE, id=one.id))
    assert await given.access(tokens.access) is None
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await admin.directory.RemoveProgram(pb.RemoveProgramRequest(login=ALICE, id=one.id))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
