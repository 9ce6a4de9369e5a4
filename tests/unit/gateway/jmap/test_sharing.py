"""Rights that are given: in JMAP's words and IMAP's letters, and who is told of it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox.rights import ALL, ordered
from cluster.errors import NotFound, Unavailable
from gateway.access import sharing
from gateway.access.sharing import By, Place, give, read
from gateway.access.whom import who_is
from gateway.jmap import principal_ids
from gateway.jmap.mailbox_rights import LETTERS, letters_after, told
from mail.jmap.errors import SetError
from tests.unit.gateway.imap.world import ALICE, BOB, CAROL, TEAM
from tests.unit.gateway.jmap.world import World

LETTERS_SETS = st.sets(st.sampled_from(ALL)).map(ordered)
ALICES = By(ALICE, "alice")
INBOX = Place(ALICE, "INBOX", None)


@given(LETTERS_SETS, st.fixed_dictionaries({name: st.booleans() for name in LETTERS}))
def test_what_is_given_is_told_and_nothing_else_changes(letters: str, wanted: dict[str, bool]) -> None:
    had = told(letters)
    if wanted["mayRename"] is not wanted["mayDelete"]:
        with pytest.raises(SetError):
            letters_after(letters, wanted)
        return
    after = letters_after(letters, wanted)
    assert told(after) == wanted
    if any(wanted.values()):
        kept = "".join(needed for name, needed in LETTERS.items() if had[name] is wanted[name])
        assert {one for one in after if one in kept} == {one for one in letters if one in kept}
    assert letters_after(letters, had) == letters


@given(st.one_of(st.text(max_size=200), st.integers(1, 2**63 - 1).map(lambda n: f"user:{n:x}")))
def test_principals_are_identifiers(text: str) -> None:
    for identifier in (text if text.startswith("user:") else f"group:{text}", "anyone"):
        principal = principal_ids.of_identifier(identifier)
        if principal is not None:
            assert principal_ids.identifier_of(principal) == identifier
            assert len(principal) <= 255


@pytest.mark.parametrize(
    "principal", ["P", "P0", "P0c", "PC", "Pfffffffffffffffff", "G=", "G_w", "Gc3RhZmZ", "", "anyone"]
)
def test_what_is_no_principal(principal: str) -> None:
    assert principal_ids.identifier_of(principal) is None


def test_entries_that_take_away_are_of_nobody() -> None:
    assert principal_ids.of_identifier("-user:c") is None


async def notices(world: World, account: int) -> list[tuple[str, str, str]]:
    """Who did it, what there was and what there is, the oldest first."""
    held = [read(stored) for _name, stored in sorted(await world.mail.objects(account, sharing.KIND))]
    return [(one.login, one.before, one.after) for one in held]


async def test_only_whose_rights_are_others_now_is_told() -> None:
    async with World() as world:
        await give(world.jmap, ALICES, INBOX, f"user:{BOB:x}", "lr", "replace")
        await give(world.jmap, ALICES, INBOX, f"user:{BOB:x}", "r", "add")  # he has it
        await give(world.jmap, ALICES, INBOX, "group:staff", "lr", "replace")  # which changes nothing for him
        await give(world.jmap, ALICES, INBOX, "group:staff", "s", "add")
        await give(world.jmap, ALICES, INBOX, f"-user:{BOB:x}", "r", "replace")
        await give(world.jmap, ALICES, INBOX, f"-user:{CAROL:x}", "r", "replace")  # who had nothing
        await give(world.jmap, ALICES, INBOX, "anyone", "lr", "replace")  # too many to be told
        await give(world.jmap, ALICES, INBOX, f"user:{BOB:x}", "", "replace")  # which the group has too
        assert await notices(world, BOB) == [("alice", "", "lr"), ("alice", "lr", "lrs"), ("alice", "lrs", "ls")]
        assert await notices(world, CAROL) == await notices(world, ALICE) == []


async def test_who_does_it_himself_is_not_told() -> None:
    async with World() as world:
        await world.mail.set_acl(TEAM, "INBOX", "group:staff", "lra")
        who = await who_is(world.people, BOB)
        await give(world.jmap, By(BOB, "bob"), Place(TEAM, "INBOX", who), f"user:{BOB:x}", "s", "add")
        await give(world.jmap, By(BOB, "bob"), Place(TEAM, "INBOX", who), f"user:{CAROL:x}", "lr", "add")
        assert await notices(world, BOB) == []
        assert await notices(world, CAROL) == [("bob", "", "lr")]


async def test_notices_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "NOTICES_MAX", 3)
    async with World() as world:
        for letter in "lrswi":
            await give(world.jmap, ALICES, INBOX, f"user:{BOB:x}", letter, "add")
        assert [after for _by, _before, after in await notices(world, BOB)] == ["lrs", "lrsw", "lrswi"]


async def test_members_that_are_told_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "TOLD_MAX", 1)
    async with World() as world:
        world.people.members["staff"] = {BOB, CAROL}
        await give(world.jmap, ALICES, INBOX, "group:staff", "lr", "replace")
        assert [len(await notices(world, account)) for account in (BOB, CAROL)] == [1, 0]


async def test_rights_are_given_also_where_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:

        async def broken(account: int, changes: Sequence[object], *, since: int | None = None) -> int:
            raise Unavailable("Not now.", log="away")

        monkeypatch.setattr(world.mail, "put_objects", broken)
        await give(world.jmap, ALICES, INBOX, f"user:{BOB:x}", "lr", "replace")
        assert (await world.mail.look(ALICE, "INBOX")).info.acl == ((f"user:{BOB:x}", "lr"),)
        assert world.log.lines[-1]["event"] == "sharing.not_told"


async def test_a_mailbox_that_may_not_be_known_of() -> None:
    async with World() as world:
        who = await who_is(world.people, BOB)
        with pytest.raises(NotFound):
            await give(world.jmap, By(BOB, "bob"), Place(ALICE, "INBOX", who), f"user:{CAROL:x}", "lr", "add")
        assert await notices(world, CAROL) == []
