"""actors/directory/belonging.py: which groups an account is in."""

from actors.directory.client import DirectoryClient


async def groups(directory: DirectoryClient) -> tuple[str, ...]:
    account = await directory.get_account("alice@example.test")
    return await directory.groups(account.id)


async def test_groups_are_found_from_their_members(directory: DirectoryClient) -> None:
    assert await groups(directory) == ()
    await directory.add_group("staff@example.test", ["Alice@example.test", "bob@far.example"])
    await directory.add_group("all@example.test", ["staff@example.test"])
    await directory.add_list("news@example.test", ["alice@example.test"])
    assert await groups(directory) == ("staff@example.test", "all@example.test")
    await directory.leave_group("staff@example.test", ["Alice@example.test"])
    assert await groups(directory) == ()
    await directory.join_group("all@example.test", ["alice@example.test"])
    assert await groups(directory) == ("all@example.test",)
    await directory.remove_group("all@example.test")
    assert await groups(directory) == ()


async def test_groups_that_hold_each_other_end(directory: DirectoryClient) -> None:
    await directory.add_group("a@example.test", ["b@example.test", "alice@example.test"])
    await directory.add_group("b@example.test", ["a@example.test"])
    assert await groups(directory) == ("a@example.test", "b@example.test")


async def test_where_case_matters_it_is_another_member(directory: DirectoryClient) -> None:
    await directory.add_domain("strict.test", case_sensitive=True)
    await directory.add_address("alice@example.test", "Ann@strict.test")
    await directory.add_group("g@example.test", ["ann@strict.test"])
    assert await groups(directory) == ()
    await directory.change_group("g@example.test", members=["Ann@strict.test"])
    assert await groups(directory) == ("g@example.test",)


async def test_the_longest_addresses_have_a_key(directory: DirectoryClient) -> None:
    domain = ".".join(["d" * 60] * 4)
    await directory.add_domain(domain)
    await directory.add_address("alice@example.test", f"{'l' * 64}@{domain}")
    await directory.add_group(f"{'g' * 64}@{domain}", [f"{'l' * 64}@{domain}"])
    assert await groups(directory) == (f"{'g' * 64}@{domain}",)


async def test_a_group_is_known_by_its_address_and_nothing_else_is(directory: DirectoryClient) -> None:
    await directory.add_group("staff@example.test")
    await directory.add_list("news@example.test", ["alice@example.test"])
    assert await directory.group_named("Staff@EXAMPLE.test") == "staff@example.test"
    for address in ("news@example.test", "alice@example.test", "none@example.test", "staff@far.test", "@", ""):
        assert await directory.group_named(address) is None


async def test_aliases_are_found_from_where_they_lead(directory: DirectoryClient) -> None:
    account = await directory.get_account("alice@example.test")

    async def addresses() -> tuple[str, ...]:
        return await directory.addresses_of(account.id)

    assert await addresses() == ("alice@example.test",)
    await directory.add_address("alice@example.test", "ann@example.test")
    await directory.add_alias("sales@example.test", ["bob@far.example", "Alice@example.test"])
    await directory.add_alias("shop@example.test", ["sales@example.test"])
    await directory.add_alias("other@example.test", ["bob@far.example"])
    await directory.add_group("staff@example.test", ["alice@example.test"])
    assert await addresses() == (
        "alice@example.test", "ann@example.test", "sales@example.test", "shop@example.test",
    )  # fmt: skip
    assert await directory.groups(account.id) == ("staff@example.test",)
    await directory.change_alias("sales@example.test", ["bob@far.example"])
    assert await addresses() == ("alice@example.test", "ann@example.test")
    await directory.change_alias("shop@example.test", ["ann@example.test"])
    assert await addresses() == ("alice@example.test", "ann@example.test", "shop@example.test")
    await directory.remove_alias("shop@example.test")
    await directory.remove_address("alice@example.test", "ann@example.test")
    assert await addresses() == ("alice@example.test",)
    assert await directory.addresses_of(7) == ()
