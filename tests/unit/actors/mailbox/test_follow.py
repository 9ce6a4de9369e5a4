"""actors/mailbox/follow.py: a gateway that follows an account hears of all that happens to it, once and in order."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest

from actors.mailbox import events as ev
from actors.mailbox import follow as following
from actors.mailbox.client import MailboxClient
from actors.mailbox.follow import News
from actors.mailbox.types import DELETED, INBOX, SEEN, Item
from cluster.errors import Trouble
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.town import Town, until

RAW = b"Subject: x\r\n\r\n"
ACCOUNT = 5


@pytest.fixture
async def town(place: Place) -> AsyncIterator[Town]:
    """One shard, which owns all."""
    made = Town(place)
    await made.start("a")
    yield made
    await made.close()


class Ear:
    """Notes what is told."""

    def __init__(self) -> None:
        self.news: list[News | None] = []

    def told(self, news: News | None) -> None:
        self.news.append(news)

    @property
    def modseqs(self) -> list[int]:
        return [news.modseq for news in self.news if news is not None]

    @property
    def kinds(self) -> list[str]:
        return [change.kind for news in self.news if news is not None for change in news.changes]


async def test_objects_are_told_by_kind_and_id(client: MailboxClient) -> None:
    ear = Ear()
    await client.follow(ACCOUNT, ear.told)
    await client.put_objects(ACCOUNT, [("Identity", "a", b"1"), ("Identity", "b", b"2")])
    await until(lambda: ear.kinds == ["object"])
    [change] = [change for news in ear.news if news for change in news.changes]
    assert (change.mailbox, change.names) == (0, ("Identity", "a", "b"))


async def test_how_messages_came_and_which_flags_changed(client: MailboxClient) -> None:
    ear = Ear()
    await client.create(ACCOUNT, "b")
    await client.follow(ACCOUNT, ear.told)
    await client.deliver(ACCOUNT, await client.prepare(RAW))
    await client.add(ACCOUNT, "b", [Item(await client.prepare(RAW), 0)])
    selected = await client.select(ACCOUNT, "b", read_only=False, changed=lambda: None)
    await selected.copy(((1, 1),), INBOX)
    await selected.set_flags(((1, 1),), "add", SEEN | DELETED)
    await until(lambda: ear.kinds[-1:] == ["flags"])
    changes = [change for news in ear.news if news for change in news.changes]
    assert [change.came for change in changes if change.kind == "new"] == [ev.DELIVERED, ev.STORED, ev.COPIED]
    assert changes[-1].flags == SEEN | DELETED
    await selected.close()


async def _deliver(client: MailboxClient, messages: int = 1) -> None:
    prepared = await client.prepare(RAW)
    for _ in range(messages):
        await client.deliver(ACCOUNT, prepared)


async def test_all_kinds_of_change_are_told_with_before_and_after(client: MailboxClient) -> None:
    ear = Ear()
    held = await client.follow(ACCOUNT, ear.told)
    first = held.following.modseq
    assert held.following.tree == await client.tree(ACCOUNT)
    await client.create(ACCOUNT, "a")
    await client.rename(ACCOUNT, "a", "b")
    await client.subscribe(ACCOUNT, "b", on=True)
    await client.set_acl(ACCOUNT, "b", "anyone", "lr")
    await client.set_role(ACCOUNT, "b", "flagged")
    await client.annotate(ACCOUNT, "b", [("/shared/comment", b"x"), ("/private/x", b"y")])
    await client.annotate(ACCOUNT, "", [("/shared/comment", b"x")])
    await client.add(ACCOUNT, "b", [Item(await client.prepare(RAW), 0, keywords=("work",))] * 2)
    selected = await client.select(ACCOUNT, "b", read_only=False, changed=lambda: None)
    await selected.set_flags(((1, 1),), "add", DELETED | SEEN)
    await selected.expunge()
    await client.delete(ACCOUNT, "b")
    await until(lambda: ear.kinds[-1:] == ["removed"])
    assert ear.modseqs == list(range(first + 1, held.following.modseq + 1))
    assert ear.kinds == [
        "made", "renamed", "subscribed", "acl", "role", "annotated", "annotated", "new", "flags", "gone", "removed",
    ]  # fmt: skip
    told = {change.kind: change for news in ear.news if news for change in news.changes}
    after = {kind: change.after for kind, change in told.items() if change.after}
    before = {kind: change.before for kind, change in told.items() if change.before}
    assert "made" not in before
    assert (after["made"].name, before["renamed"].name, after["renamed"].name) == ("a", "a", "b")
    assert told["subscribed"].names == ("b",)
    assert after["acl"].acl == (("anyone", "lr"),)
    assert (told["annotated"].mailbox, told["annotated"].names) == (0, ("/shared/comment",))
    assert (after["new"].messages, after["new"].uidnext) == (2, 3)
    assert (before["flags"].unseen, after["flags"].unseen) == (2, 1)
    assert (before["gone"].messages, after["gone"].messages) == (2, 1)
    assert "removed" not in after
    assert before["removed"].name == "b"
    await selected.close()


@pytest.mark.parametrize("seed", range(3))
async def test_the_tree_is_the_owners_whatever_happens(client: MailboxClient, seed: int) -> None:
    dice = random.Random(seed)
    ear = Ear()
    await _deliver(client)
    held = await client.follow(ACCOUNT, ear.told)
    names = [INBOX, "a", "a/b", "c"]
    prepared = await client.prepare(RAW)
    for step in range(120):
        if step % 50 == 49:  # as somebody who comes later
            held.close()
            ear = Ear()
            held = await client.follow(ACCOUNT, ear.told)
        name, other = dice.choice(names), dice.choice(names)
        with suppress(Trouble):
            match dice.randrange(9):
                case 0:
                    await client.create(ACCOUNT, name)
                case 1:
                    await client.delete(ACCOUNT, name)
                case 2:
                    await client.rename(ACCOUNT, name, other)
                case 3:
                    await client.subscribe(ACCOUNT, name, on=bool(dice.randrange(2)))
                case 4:
                    await client.set_acl(ACCOUNT, name, "anyone", dice.choice(["", "lr", "l"]))
                case _:
                    await _work_in(client, name, other, [Item(prepared, 0)] * dice.randrange(1, 4), dice)
        assert held.following.tree == await client.tree(ACCOUNT)
        assert held.following.mailbox(1) == (await client.tree(ACCOUNT)).find(INBOX)
        assert not any(box.pending or box.index for box in held.following._account.mailboxes.values()), "no rows"
    assert ear.modseqs == list(range(ear.modseqs[0], held.following.modseq + 1))


async def _work_in(client: MailboxClient, name: str, other: str, items: Sequence[Item], dice: random.Random) -> None:
    await client.add(ACCOUNT, name, items)
    selected = await client.select(ACCOUNT, name, read_only=bool(dice.randrange(2)), changed=lambda: None)
    try:
        await selected.set_flags(((1, 9),), dice.choice(["add", "remove"]), dice.choice([SEEN, DELETED]))
        await selected.copy(((1, 5),), other, move=bool(dice.randrange(2)))
        await selected.expunge()
    finally:
        await selected.close()


async def test_an_account_is_followed_once_for_all(town: Town) -> None:
    ears = [Ear() for _ in range(5)]
    held = [await town.client.follow(ACCOUNT, ear.told) for ear in ears]
    watchers = town.processes["a"].shard._watchers
    assert [len(told) for told in watchers._watchers.values()] == [1]
    await _deliver(town.client)
    await until(lambda: all(ear.kinds == ["new"] for ear in ears))
    for one in held[:4]:
        one.close()
        one.close()
    await _deliver(town.client)
    await until(lambda: ears[4].kinds == ["new", "new"])
    assert ears[0].kinds == ["new"]
    held[4].close()
    await until(lambda: not watchers)
    assert not len(town.client._followings)


async def test_followers_and_watchers_do_not_disturb_each_other(town: Town) -> None:
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    selected = await town.client.select(ACCOUNT, INBOX, read_only=False, changed=lambda: None)
    await _deliver(town.client)
    await until(lambda: selected.recent == {1} and ear.kinds == ["new"])
    held.close()
    await _deliver(town.client)
    await until(lambda: selected.recent == {1, 2})
    assert ear.kinds == ["new"]


async def test_moves_and_deaths_lose_nothing_and_double_nothing(town: Town) -> None:
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    first = held.following.modseq
    for number in range(6):
        await town.start("ba"[number % 2])
        if number % 3:
            await town.move(ACCOUNT, "ba"[number % 2])
        else:
            town.kill("ab"[number % 2])
            town.map.owner, town.map.epoch = "ba"[number % 2], town.map.epoch + 10
            town.map.moved.clear()
            town.tell()
        await _deliver(town.client, 3)
    await until(lambda: len(ear.modseqs) == 18 and not held.following.lost)
    assert ear.modseqs == list(range(first + 1, first + 19))
    assert held.following.tree == await town.client.tree(ACCOUNT)


async def test_what_is_too_much_to_be_read_is_said_to_be_everything(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CATCH_UP_MAX", 4)
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    town.kill("a")
    await until(lambda: held.following.lost)
    await town.start("a")
    process = town.kill("a")
    await _deliver(town.place.client(process.shard), 5)
    town.listen("a", process.shard, process.script)
    await until(lambda: ear.news == [None])
    assert held.following.tree == await town.client.tree(ACCOUNT)
    await _deliver(town.client)
    await until(lambda: ear.kinds == ["new"])


async def test_what_happens_while_catching_up_is_told_after_what_was_missed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    first = held.following.modseq
    between = following._between

    async def slow(*args):  # type: ignore[no-untyped-def]
        found = await between(*args)
        await _deliver(town.client, 2)
        return found

    monkeypatch.setattr(following, "_between", slow)
    town.kill("a")
    await until(lambda: held.following.lost)
    await town.start("a")
    await _deliver(town.gateway(), 1)
    await until(lambda: len(ear.modseqs) == 3)
    assert ear.modseqs == list(range(first + 1, first + 4))


async def test_lost_while_catching_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    first = held.following.modseq
    between = following._between
    lost = 0

    async def losing(*args):  # type: ignore[no-untyped-def]
        nonlocal lost
        found = await between(*args)
        lost += 1
        if lost == 1:
            await _deliver(town.client, 2)  # held back meanwhile
            await town.move(ACCOUNT, "a")
            await until(lambda: held.following._begun is None)
        return found

    monkeypatch.setattr(following, "_between", losing)
    await town.move(ACCOUNT, "a")
    await _deliver(town.client)
    await until(lambda: len(ear.modseqs) == 3)
    assert lost >= 2
    assert ear.modseqs == list(range(first + 1, first + 4))


async def test_who_falls_behind_while_catching_up_begins_anew(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CATCH_UP_MAX", 3)
    ear = Ear()
    held = await town.client.follow(ACCOUNT, ear.told)
    between = following._between

    async def slow(*args):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(following, "_between", between)
        await _deliver(town.client, 6)
        await until(lambda: held.following._begun is None)
        return await between(*args)

    monkeypatch.setattr(following, "_between", slow)
    await town.move(ACCOUNT, "a")
    await until(lambda: ear.news == [None])
    await _deliver(town.client)
    await until(lambda: ear.kinds == ["new"])
    assert held.following.tree == await town.client.tree(ACCOUNT)
