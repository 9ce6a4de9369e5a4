"""Tests of Email/query: what is found is what looking at every email finds, and old results are brought up to date."""

import random
from typing import Any

import pytest

from actors.mailbox.rights import of_account
from gateway.access.ids import account_id
from tests.unit.gateway.imap.world import ALICE, BOB
from tests.unit.gateway.jmap.letters import BOXES, Asker, Mail, Naive
from tests.unit.gateway.jmap.world import IndexedWorld

MAIL = account_id(ALICE)
VIEWERS = ("alice", "bob")


async def _furnished(world: IndexedWorld, dice: random.Random, count: int) -> Mail:
    """Mail of alice's; INBOX and Archive are for bob to read too."""
    mail = Mail(world, dice)
    await mail.open()
    await mail.store(count)
    for name in BOXES[:2]:
        await world.mail.set_acl(ALICE, name, of_account(BOB), "lr")
    return mail


def _boxes(mail: Mail) -> list[str]:
    """The mailboxes' ids, also of one that not everybody may read, and of one that is not there."""
    return [f"{MAIL}_F{mail.boxes[name]:x}" for name in BOXES] + [f"{MAIL}_F77", "F1x"]


async def _query(world: IndexedWorld, login: str, **arguments: Any) -> Any:
    return await world.call(login, "Email/query", accountId=MAIL, **arguments)


@pytest.mark.parametrize("indexed", ["no index", "index", "part"])
@pytest.mark.parametrize("seed", range(4))
async def test_as_if_every_email_was_looked_at(seed: int, indexed: str) -> None:
    dice = random.Random(seed)
    async with IndexedWorld() as world:
        mail = await _furnished(world, dice, 40)
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        for _ in range(10):
            await mail.change()
            await mail.hide(client)
        emails = await mail.emails()
        if indexed != "no index":
            await world.index_emails(emails, recent=7, left=10 if indexed == "part" else 0)
        naive = {login: await Naive.of(world, login, MAIL, emails) for login in VIEWERS}
        for _ in range(60):
            login = dice.choice(VIEWERS)
            asker = Asker(dice, _boxes(mail))
            tree, sort, collapses = asker.filter(), asker.sort(), dice.random() < 0.3
            if dice.random() < 0.1:
                tree = None
            answer = await _query(world, login, filter=tree, sort=sort, collapseThreads=collapses, calculateTotal=True)
            expected = naive[login].find(tree, sort, collapses=collapses)
            assert answer.get("ids") == expected, (login, tree, sort, collapses, answer)
            assert answer["total"] == len(expected)


@pytest.mark.parametrize("seed", range(6))
async def test_old_results_are_brought_up_to_date(seed: int) -> None:
    dice = random.Random(seed)
    async with IndexedWorld() as world:
        mail = await _furnished(world, dice, 25)
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        asked: list[tuple[str, dict[str, Any], list[str], str]] = []
        for _ in range(30):
            login = dice.choice(VIEWERS)
            asker = Asker(dice, _boxes(mail))
            arguments = {
                "filter": asker.filter() if dice.random() < 0.8 else None,
                "sort": asker.sort(),
                "collapseThreads": dice.random() < 0.5,
            }
            answer = await _query(world, login, **arguments)
            asked.append((login, arguments, answer["ids"], answer["queryState"]))
        for _ in range(8):
            for _ in range(dice.randint(1, 4)):
                await mail.change()
            await mail.hide(client)
            emails = await mail.emails()
            naive = {login: await Naive.of(world, login, MAIL, emails) for login in VIEWERS}
            for place, (login, arguments, old, since) in enumerate(asked):
                changes = await world.call(
                    login,
                    "Email/queryChanges",
                    accountId=MAIL,
                    sinceQueryState=since,
                    calculateTotal=True,
                    **arguments,
                )
                now = await _query(world, login, **arguments)
                assert _spliced(old, changes) == now["ids"], (login, arguments, changes)
                tree, sort, collapses = arguments["filter"], arguments["sort"], arguments["collapseThreads"]
                assert now["ids"] == naive[login].find(tree, sort, collapses=collapses)
                assert changes["newQueryState"] == now["queryState"]
                assert changes["total"] == len(now["ids"])
                asked[place] = (login, arguments, now["ids"], now["queryState"])


async def test_results_are_of_one_moment() -> None:
    """What comes while a search reads is not in it, nor in its state: what changed since tells it."""
    async with IndexedWorld() as world:
        mail = await _furnished(world, random.Random(1), 5)
        arguments: dict[str, Any] = {"filter": {"text": "example.org"}, "sort": [{"property": "from"}]}
        came = 0

        async def meanwhile() -> None:
            nonlocal came
            world.mail.meanwhile = None
            await mail.store(2)
            came += 2

        world.mail.meanwhile = meanwhile
        old = await _query(world, "alice", **arguments)
        assert (len(old["ids"]), came) == (5, 2)
        since = {"accountId": MAIL, "sinceQueryState": old["queryState"], **arguments}
        world.mail.meanwhile = meanwhile
        changes = await world.call("alice", "Email/queryChanges", **since)
        assert came == 4
        now = await _query(world, "alice", **arguments)
        assert len(now["ids"]) == 9
        assert _spliced(old["ids"], changes) == now["ids"]
        assert changes["newQueryState"] == now["queryState"]
        assert changes["removed"] == []

        async def always() -> None:
            world.mail.meanwhile = None
            await mail.store(1)
            world.mail.meanwhile = always

        await always()
        assert await world.call("alice", "Email/queryChanges", **since) == {"type": "cannotCalculateChanges"}


async def test_what_is_asked_again_is_not_looked_for_again() -> None:
    async with IndexedWorld() as world:
        mail = await _furnished(world, random.Random(1), 5)
        arguments: dict[str, Any] = {"filter": {"text": "example.org", "inMailbox": f"{MAIL}_F{mail.boxes['INBOX']:x}"}}
        first = await _query(world, "alice", **arguments)
        read = world.mail.opened
        assert read > 0
        (email, *_), other = first["ids"], mail.boxes["Trash"]
        await world.call("alice", "Email/set", accountId=MAIL, update={email: {"keywords/work": True}})
        assert (await _query(world, "alice", **arguments))["ids"] == first["ids"]
        assert world.mail.opened == read
        await world.call(
            "alice", "Email/set", accountId=MAIL, update={email: {"mailboxIds": {f"{MAIL}_F{other:x}": True}}}
        )
        assert (await _query(world, "alice", **arguments))["ids"] == first["ids"][1:]


def _spliced(old: list[str], changes: Any) -> list[str]:
    """RFC 8620 5.6."""
    removed = set(changes["removed"])
    ids = [one for one in old if one not in removed]
    for one in changes["added"]:
        assert one["id"] not in ids
        ids.insert(one["index"], one["id"])
    return ids
