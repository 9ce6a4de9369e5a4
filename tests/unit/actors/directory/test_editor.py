"""Changes: each lands whole or not at all, what cannot be is refused with the reason, listings page."""

import asyncio

import pytest
from msgspec.structs import replace

from actors.directory.client import DirectoryClient
from actors.directory.types import Alias, Local, Rewrite, Unknown, Why
from cluster.errors import AlreadyExists, NotFound, Refused
from cluster.meta.memory import MemoryStore

ALICE = "alice@example.test"


async def everything(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    return [row for row in await store.range(b"", b"\xff") if row[0] != b"dv"]


async def test_a_domain_is_made_changed_and_removed(directory: DirectoryClient) -> None:
    made = await directory.add_domain("B\u00fccher.Example", separator="-")
    assert made.name == "xn--bcher-kva.example"
    rules = (Rewrite("(.*)@.*", "${1}@example.test"),)
    changed = await directory.change_domain("b\u00fccher.example", catch_all=ALICE, rewrites=rules)
    assert changed == replace(made, catch_all=ALICE, rewrites=rules)
    assert await directory.get_domain("xn--bcher-kva.example") == changed
    assert (await directory.change_domain("b\u00fccher.example", catch_all="")).catch_all == ""
    await directory.remove_domain("b\u00fccher.example")
    with pytest.raises(NotFound):
        await directory.get_domain("b\u00fccher.example")


async def test_domains_that_cannot_be_are_refused(directory: DirectoryClient) -> None:
    with pytest.raises(AlreadyExists):
        await directory.add_domain("EXAMPLE.test")
    for name in ("", "a b", "[127.0.0.1]", "-a.test"):
        with pytest.raises(Refused):
            await directory.add_domain(name)
    for separator in ("ab", "@", "+++++", "\n"):
        with pytest.raises(Refused):
            await directory.change_domain("example.test", separator=separator)
    with pytest.raises(Refused, match="rule 1"):
        await directory.change_domain("example.test", rewrites=[Rewrite("(", "a@b.test")])
    with pytest.raises(Refused, match="whether case counts"):
        await directory.change_domain("example.test", case_sensitive=True)


async def test_a_domain_in_use_goes_only_by_force_and_leaves_nothing(
    directory: DirectoryClient, store: MemoryStore
) -> None:
    await directory.add_domain("other.test")
    before = await everything(store)
    bob = await directory.add_account("bob@other.test", "demo")
    await directory.add_address(ALICE, "alice@other.test")
    await directory.add_address("bob@other.test", "bob@example.test")
    await directory.add_address("bob@other.test", "b@other.test")
    for number in range(60):
        await directory.add_alias(f"alias{number}@other.test", [ALICE])
    await directory.add_list("list@other.test", [ALICE])
    with pytest.raises(Refused, match="still has addresses"):
        await directory.remove_domain("other.test")
    assert await directory.remove_domain("other.test", force=True) == [bob.id]
    assert (await directory.get_account(ALICE)).addresses == (ALICE,)
    await directory.add_domain("other.test")
    assert await everything(store) == before


async def test_an_account_and_its_addresses_leave_nothing(directory: DirectoryClient, store: MemoryStore) -> None:
    before = await everything(store)
    bob = await directory.add_account("Bob@example.test", "demo", quota_bytes=5)
    assert bob.id != 0
    assert bob.quota_bytes == 5
    assert await directory.account_with(bob.id) == bob
    with_second = await directory.add_address("bob@example.test", "robert@example.test")
    assert with_second.addresses == ("bob@example.test", "robert@example.test")
    assert (await directory.remove_address("bob@example.test", "Robert@example.test")).addresses == bob.addresses
    await directory.add_address("bob@example.test", "robert@example.test")
    await directory.remove_account("bob@example.test")
    assert await everything(store) == before


async def test_quotas(directory: DirectoryClient) -> None:
    await directory.set_quota(ALICE, quota_bytes=1000)
    assert (await directory.set_quota(ALICE, quota_messages=5)).quota_bytes == 1000
    assert (await directory.set_quota(ALICE, quota_bytes=0)).quota_bytes == 0
    with pytest.raises(Refused, match="quota"):
        await directory.set_quota(ALICE, quota_bytes=-1)


async def test_an_address_is_one_thing_only(directory: DirectoryClient) -> None:
    with pytest.raises(AlreadyExists, match="an account's address"):
        await directory.add_alias("ALICE@example.test", ["x@far.example"])
    await directory.add_list("l@example.test")
    with pytest.raises(AlreadyExists, match="a list"):
        await directory.add_account("l@example.test", "demo")
    with pytest.raises(AlreadyExists):
        await directory.add_address(ALICE, "l@example.test")
    with pytest.raises(NotFound, match="no alias"):
        await directory.remove_alias("l@example.test")


async def test_of_two_that_want_one_address_one_gets_it(directory: DirectoryClient) -> None:
    tries = [directory.add_alias("x@example.test", [f"{n}@far.example"]) for n in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Alias) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 4


async def test_what_is_not_there_is_named(directory: DirectoryClient) -> None:
    with pytest.raises(NotFound, match=r"no domain far\.example; add it first"):
        await directory.add_account("a@far.example", "demo")
    with pytest.raises(NotFound, match="no account nobody@example"):
        await directory.set_password("nobody@example.test", "demo")
    with pytest.raises(NotFound):
        await directory.remove_address(ALICE, "nobody@example.test")
    with pytest.raises(Refused, match="logs in"):
        await directory.remove_address(ALICE, ALICE)
    with pytest.raises(Refused, match="empty"):
        await directory.add_account("b@example.test", "")


async def test_members_are_kept_once_and_in_order(directory: DirectoryClient) -> None:
    made = await directory.add_list("l@example.test", ["b@\u00fc.test", "a@far.example", "b@xn--tda.test"], name="L")
    assert made.members == ("b@xn--tda.test", "a@far.example")
    assert (await directory.join_list("l@example.test", ["c@far.example"])).members[-1] == "c@far.example"
    assert (await directory.leave_list("l@example.test", ["a@FAR.example"])).members == (
        "b@xn--tda.test",
        "c@far.example",
    )
    assert (await directory.change_list("l@example.test", name="M")).name == "M"
    with pytest.raises(Refused, match="at most 1000"):
        await directory.change_list("l@example.test", members=[f"{n}@far.example" for n in range(1001)])
    with pytest.raises(Refused, match="one record"):
        await directory.change_list("l@example.test", members=[f"{n:060}@{'d' * 60}.test" for n in range(999)])
    with pytest.raises(Refused, match="needs an address"):
        await directory.add_alias("a@example.test", [])


async def test_the_first_account_is_the_postmaster_and_hands_over(directory: DirectoryClient) -> None:
    assert (await directory.get_domain("example.test")).admin == ALICE
    bob = await directory.add_account("bob@example.test", "demo")
    await directory.change_domain("example.test", catch_all=ALICE)
    await directory.remove_account(ALICE)
    domain = await directory.get_domain("example.test")
    assert (domain.admin, domain.catch_all) == ("bob@example.test", "")
    found = await directory.resolve("postmaster@example.test")
    assert isinstance(found, Local)
    assert found.targets[0].account == bob.id
    await directory.remove_account("bob@example.test")
    assert await directory.resolve("postmaster@example.test") == Unknown(Why.NO_SUCH_ADDRESS)


async def test_listings_page_through_all_in_order(directory: DirectoryClient) -> None:
    await directory.add_domain("example.tes")
    for number in range(5):
        await directory.add_alias(f"a{number}@example.test", [ALICE])
        await directory.add_group(f"g{number}@example.tes")
        await directory.add_list(f"l{number}@example.test")
    await directory.add_account("bob@example.test", "demo")
    after, aliases = "", []
    for _ in range(3):
        page = await directory.list_aliases("example.test", after=after, limit=2)
        aliases += [alias.address for alias in page.items]
        after = page.after
    assert aliases == [f"a{number}@example.test" for number in range(5)]
    assert after == ""
    assert len((await directory.list_groups("example.tes")).items) == 5
    assert len((await directory.list_lists("example.test")).items) == 5
    first = await directory.list_accounts("example.test", limit=1)
    rest = await directory.list_accounts("example.test", after=first.after)
    assert [account.login for account in (*first.items, *rest.items)] == [ALICE, "bob@example.test"]
    domains = await directory.list_domains(limit=1)
    assert [domain.name for domain in domains.items] == ["example.tes"]
    assert [domain.name for domain in (await directory.list_domains(after=domains.after)).items] == ["example.test"]


async def test_nobody_logs_in_as_a_shared_account(directory: DirectoryClient) -> None:
    await directory.add_domain("team.test")
    team = await directory.add_shared_account("team@team.test", quota_bytes=5)
    assert (team.shared, team.quota_bytes) == (True, 5)
    assert await directory.verify("team@team.test", "") is None
    assert await directory.scram("team@team.test") is None
    assert (await directory.get_domain("team.test")).admin == ""
    for change in (
        directory.set_password("team@team.test", "demo"),
        directory.set_administrator("team@team.test", True),
    ):
        with pytest.raises(Refused, match="Nobody logs in"):
            await change
    assert (await directory.set_quota("team@team.test", quota_bytes=6)).shared
    assert await directory.remove_account("team@team.test") == replace(team, quota_bytes=6)


async def test_an_administrator_stays_one_until_that_is_changed(directory: DirectoryClient) -> None:
    assert (await directory.set_administrator(ALICE, True)).administrator
    assert (await directory.set_quota(ALICE, quota_bytes=6)).administrator
    assert not (await directory.set_administrator(ALICE, False)).administrator
