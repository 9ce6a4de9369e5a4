"""What gateways ask: resolution, log-in and senders, through the cache, beside another process that changes things."""

import asyncio
import random
import re

import pytest

from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.types import Group, Local, NotLocal, Principal, Unknown, Why
from cluster.clock import ManualClock
from cluster.config import document, load
from cluster.errors import Misconfigured
from cluster.meta.memory import MemoryStore


async def principal_of(directory: DirectoryClient, login: str) -> Principal:
    principal = await directory.principal(login)
    assert principal is not None
    return principal


async def test_mail_finds_its_account(directory: DirectoryClient) -> None:
    account = await directory.get_account("alice@example.test")
    found = await directory.resolve("ALICE+x@example.test")
    assert isinstance(found, Local)
    assert [tuple(target) for target in found.targets] == [(account.id, "alice@example.test")]
    assert await directory.resolve("x@far.example") == NotLocal("far.example")
    assert await directory.resolve("x@example.test") == Unknown(Why.NO_SUCH_ADDRESS)


@pytest.mark.parametrize("login", ["alice@example.test", "Alice@EXAMPLE.test", "alice"])
async def test_the_right_password_lets_in(directory: DirectoryClient, login: str) -> None:
    account = await directory.get_account("alice@example.test")
    assert await directory.verify(login, "demo") == Principal(account.id, "alice@example.test")


@pytest.mark.parametrize(
    ("login", "password"),
    [("alice", "Demo"), ("alice", ""), ("bob", "demo"), ("", "demo"), ("a b", "demo"), ("x@far.example", "demo")],
)
async def test_everything_else_does_not(directory: DirectoryClient, login: str, password: str) -> None:
    assert await directory.verify(login, password) is None


async def test_an_address_that_is_not_the_login_does_not_log_in(directory: DirectoryClient) -> None:
    await directory.add_address("alice@example.test", "al@example.test")
    assert await directory.verify("al@example.test", "demo") is None
    assert await directory.verify("alice+x@example.test", "demo") is None


async def test_a_remembered_password_is_forgotten_when_another_is_set(
    directory: DirectoryClient, command_line: DirectoryClient, clock: ManualClock
) -> None:
    assert await directory.verify("alice", "demo")
    await command_line.set_password("alice@example.test", "other")
    clock.advance(0.6)
    assert await directory.verify("alice", "demo") is None
    assert await directory.verify("alice", "other")


async def test_the_same_password_asked_at_once_is_answered_to_all(directory: DirectoryClient) -> None:
    answers = await asyncio.gather(*(directory.verify("alice", "demo") for _ in range(20)))
    assert all(answers)


async def test_a_disabled_account_is_shut_out_of_everything(directory: DirectoryClient) -> None:
    alice = await principal_of(directory, "alice")
    assert await directory.verify("alice", "demo") == alice
    await directory.set_disabled("alice@example.test", True)
    assert await directory.verify("alice", "demo") is None
    assert await directory.scram("alice") is None
    assert await directory.principal("alice") is None
    assert not await directory.may_send_as(alice, "alice@example.test")
    assert await directory.resolve("alice@example.test") == Unknown(Why.DISABLED)


async def test_scram_keys_are_for_those_who_may_log_in(directory: DirectoryClient) -> None:
    keys = await directory.scram("alice")
    assert keys is not None
    (own,) = keys.keys
    assert (len(own.salt), len(own.stored_key), len(own.server_key)) == (16, 32, 32)
    assert await directory.scram("nobody") is None


async def test_senders(directory: DirectoryClient) -> None:
    await directory.add_account("bob@example.test", "demo")
    await directory.add_group("team@example.test", ["alice@example.test"])
    alice, bob = await principal_of(directory, "alice"), await principal_of(directory, "bob")
    assert await directory.may_send_as(alice, "team@example.test")
    assert not await directory.may_send_as(bob, "team@example.test")
    await directory.join_group("team@example.test", ["bob@example.test"])
    assert await directory.may_send_as(bob, "team@example.test")
    await directory.leave_group("team@example.test", ["alice@example.test"])
    assert not await directory.may_send_as(alice, "team@example.test")


async def test_what_another_process_adds_is_seen_at_once_and_changes_soon(
    directory: DirectoryClient, command_line: DirectoryClient, clock: ManualClock
) -> None:
    assert isinstance(await directory.resolve("bob@example.test"), Unknown)
    await command_line.add_account("bob@example.test", "demo")
    assert isinstance(await directory.resolve("bob@example.test"), Local)
    await command_line.remove_account("bob@example.test")
    clock.advance(0.6)
    assert isinstance(await directory.resolve("bob@example.test"), Unknown)


async def test_ones_own_changes_are_seen_at_once(directory: DirectoryClient) -> None:
    await directory.resolve("alice@example.test")
    await directory.remove_account("alice@example.test")
    assert isinstance(await directory.resolve("alice@example.test"), Unknown)
    assert await directory.verify("alice", "demo") is None


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (DirectorySettings(postmaster="no"), "directory.postmaster"),
        (DirectorySettings(default_domain="a b"), "directory.default_domain"),
    ],
)
def test_settings_that_cannot_be_are_named(
    store: MemoryStore, clock: ManualClock, settings: DirectorySettings, key: str
) -> None:
    with pytest.raises(Misconfigured, match=re.escape(key)):
        DirectoryClient(store, clock, random.Random(1), settings)


def test_the_settings_are_documented() -> None:
    assert load(DirectorySettings, document(DirectorySettings), {}) == DirectorySettings()


async def test_postmaster_without_a_domain_is_somebody() -> None:
    """RFC 5321 §4.5.1: RCPT TO:<Postmaster> works, also where no default domain is set."""
    made = DirectoryClient(MemoryStore(), ManualClock(), random.Random(1))
    assert not isinstance(await made.resolve("Postmaster"), Local)
    await made.add_domain("example.test")
    account = await made.add_account("first@example.test", "demo")
    found = await made.resolve("Postmaster")
    made.close()
    assert isinstance(found, Local)
    assert [target.account for target in found.targets] == [account.id]


async def test_members_of_what_leads_to_others(directory: DirectoryClient) -> None:
    await directory.add_list("team@example.test", ["alice@example.test", "x@far.test"])
    await directory.add_group("desk@example.test", ["alice@example.test"])
    await directory.add_alias("al@example.test", ["alice@example.test"])
    await directory.add_list("none@example.test")
    assert await directory.members("Team") == ("alice@example.test", "x@far.test")
    assert await directory.members("desk@example.test") == ("alice@example.test",)
    assert await directory.members("al@example.test") == ("alice@example.test",)
    assert await directory.members("none@example.test") == ()
    for other in ("alice@example.test", "nobody@example.test", "a@far.test", "", "@"):
        assert await directory.members(other) is None


async def test_neighbours_are_those_of_the_domains(directory: DirectoryClient) -> None:
    await directory.add_domain("other.test")
    await directory.add_account("zoe@other.test", "demo")
    await directory.add_account("bert@example.test", "demo")
    await directory.add_account("gone@example.test", "demo")
    await directory.set_disabled("gone@example.test", True)
    await directory.add_group("crew@example.test", ["alice@example.test"], name="The Crew")

    async def names(domains: set[str] | None, limit: int = 100) -> list[str]:
        found = await directory.neighbours(domains, limit=limit)
        return [one.address if isinstance(one, Group) else one.login for one in found]

    of_one = ["alice@example.test", "bert@example.test", "crew@example.test"]
    assert await names({"example.test"}) == of_one
    assert await names(None) == [*of_one, "zoe@other.test"]
    assert await names({"other.test", "nowhere.test", "", "a b"}) == ["zoe@other.test"]
    assert await names(None, limit=2) == of_one[:2]
    assert await names(set()) == []


async def test_groups_and_who_is_in_them(directory: DirectoryClient) -> None:
    alice = await directory.get_account("alice@example.test")
    await directory.add_group("crew@example.test", ["alice@example.test"], name="The Crew")
    await directory.add_group("all@example.test", ["crew@example.test"])
    before = await directory.version()
    found = await directory.group("crew@example.test")
    assert found is not None
    assert found.name == "The Crew"
    assert await directory.accounts_of_group("all@example.test") == (alice.id,)
    for address in ("alice@example.test", "nobody@example.test", "nonsense", ""):
        assert await directory.group(address) is None
    assert await directory.accounts_of_group("nobody@example.test") == ()
    assert await directory.version() == before
    await directory.remove_group("all@example.test")
    assert await directory.version() != before
