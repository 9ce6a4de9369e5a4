"""What somebody has logged in with, and whether that would let them in still."""

import random
from typing import Any

import msgspec

from actors.directory import totp
from actors.directory.authorizations import AuthorizationSettings
from actors.directory.cache import CHECK_SECONDS
from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.scopes import OFFLINE
from actors.directory.tokens import OauthSettings
from actors.directory.types import Principal
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from mail.sasl import derive_scram
from tests.unit.actors.directory.test_authorizations import ALICE, CLIENT, Program


async def logged_in(directory: DirectoryClient, password: str) -> Principal:
    found = await directory.verify(ALICE, password, "jmap")
    assert found is not None
    assert password not in found.credential
    return found


async def stands(directory: DirectoryClient, who: Principal) -> bool:
    return await directory.stands(who.account, who.credential)


async def test_a_password(directory: DirectoryClient, clock: ManualClock) -> None:
    who = await logged_in(directory, "demo")
    assert await stands(directory, who)
    assert not await directory.stands(who.account + 1, who.credential)
    await directory.set_password(ALICE, "demo")  # another, although it reads the same
    clock.advance(CHECK_SECONDS)
    assert not await stands(directory, who)
    who = await logged_in(directory, "demo")
    await directory.set_disabled(ALICE, True)
    clock.advance(CHECK_SECONDS)
    assert not await stands(directory, who)


async def test_a_password_that_is_not_enough_any_more(directory: DirectoryClient, clock: ManualClock) -> None:
    who = await logged_in(directory, "demo")
    secret = directory.new_secret()
    code = totp.code_at(secret, clock.now_ms() // 1000 // totp.STEP_S)
    await directory.add_second_factor(ALICE, secret, code)
    clock.advance(CHECK_SECONDS)
    assert not await stands(directory, who)


async def test_what_scram_has_proven_is_named_alike(directory: DirectoryClient, clock: ManualClock) -> None:
    made = await directory.add_app_password(ALICE, "phone", ["imap"])
    found = await directory.scram(ALICE, "imap")
    assert found is not None
    for keys, name, password in zip(found.keys, found.names, ("demo", made.password), strict=True):
        assert derive_scram(password, keys.salt, keys.iterations) == keys
        verified = await directory.verify(ALICE, password, "imap")
        assert await directory.principal(ALICE, name) == verified
    clock.advance(2 * 86_400)
    await directory.principal(ALICE, found.names[1])
    (kept,) = await directory.list_app_passwords(ALICE)
    assert kept.used_ms // 86_400_000 == clock.now_ms() // 86_400_000


async def test_an_app_password(directory: DirectoryClient, clock: ManualClock) -> None:
    one, other = [await directory.add_app_password(ALICE, label) for label in ("one", "other")]
    who = await logged_in(directory, one.password)
    assert who.credential != (await logged_in(directory, other.password)).credential
    await directory.set_password(ALICE, "other")
    clock.advance(CHECK_SECONDS)
    assert await stands(directory, who)
    await directory.remove_app_password(ALICE, "one")
    clock.advance(CHECK_SECONDS)
    assert not await stands(directory, who)


async def test_a_token(store: MemoryStore, clock: ManualClock, directory: DirectoryClient) -> None:
    own = AuthorizationSettings(issuer="https://mail.example.test", access_token_s=600)
    here = DirectoryClient(store, clock, random.Random(7), DirectorySettings(authorization=own))
    program = Program(here.authorizations, (await directory.get_account(ALICE)).id)
    tokens = await program.tokens(("imap", OFFLINE))
    who = await here.token("", tokens.access, "imap")
    assert who is not None
    assert who.until_ms == clock.now_ms() + 600_000
    assert await stands(here, who)
    assert await here.is_token(tokens.access)
    assert await here.token("", tokens.access, "jmap") is None
    assert not await here.is_token("rka_")
    after = await here.token("", (await program.refreshed(tokens.refresh)).access, "imap")
    assert after is not None
    assert after.credential == who.credential
    await here.authorizations.revoke(CLIENT, tokens.access)
    assert not await stands(here, who)
    here.close()


async def test_a_token_that_is_not_renewed(store: MemoryStore, clock: ManualClock, directory: DirectoryClient) -> None:
    own = AuthorizationSettings(issuer="https://mail.example.test", access_token_s=600)
    here = DirectoryClient(store, clock, random.Random(7), DirectorySettings(authorization=own))
    program = Program(here.authorizations, (await directory.get_account(ALICE)).id)
    who = await here.token("", (await program.tokens(("imap",))).access, "imap")
    assert who is not None
    clock.advance(601)
    assert not await stands(here, who)
    here.close()


async def test_what_is_not_told_apart(directory: DirectoryClient, clock: ManualClock) -> None:
    who = await directory.principal(ALICE)
    assert who is not None
    assert await stands(directory, who)
    assert not await directory.stands(who.account, "password:")
    assert not await directory.stands(who.account, "x")


async def test_a_token_of_another_server(store: MemoryStore, clock: ManualClock, directory: DirectoryClient) -> None:
    claims: dict[str, Any] = {"active": True, "username": ALICE, "client_id": "phone"}

    async def introspect(_token: str) -> bytes:
        return msgspec.json.encode(claims)

    another = DirectorySettings(oauth=OauthSettings(endpoint="https://id.example.test/introspect", remembered_s=0))
    here = DirectoryClient(store, clock, random.Random(7), another, introspect=introspect)

    async def entered() -> Principal:
        who = await here.token("", "a token")
        assert who is not None
        return who

    phone = await entered()
    assert phone.until_ms == 0
    assert await stands(here, phone)
    assert not await stands(directory, phone), "nobody is asked there"
    claims["exp"] = clock.now_ms() // 1000 + 60
    assert (await entered()).until_ms == clock.now_ms() // 1000 * 1000 + 60_000
    assert (await entered()).credential == phone.credential, "a token that was refreshed is of the same program"
    claims["client_id"] = "desk"
    assert (await entered()).credential != phone.credential
    del claims["client_id"]
    assert await stands(here, await entered())
    here.close()
