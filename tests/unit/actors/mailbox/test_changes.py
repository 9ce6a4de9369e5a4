"""actors/mailbox: mirror.py, sight.py, changes.py and editing.py together. Random commands of IMAP and of JMAP come;
what the log tells somebody who knew the account at any moment makes what he knows true again, and what is seen is what
a plain reading of all rows says."""

import random
from typing import Any, Final

import pytest

from actors.mailbox.changes import Changes, Told
from actors.mailbox.client import MailboxClient
from actors.mailbox.mirror import Mirror
from actors.mailbox.sight import Seen, Sight, holders_of, sight_of
from actors.mailbox.state import encode_head
from actors.mailbox.types import DELETED, DRAFT, FLAGGED, INBOX, SEEN, SEPARATOR, EmailEdit, Item, Ranges, Who
from cluster.errors import Stale, Trouble

ACCOUNT: Final = 7
BOB: Final = Who(9, frozenset({"anyone", "user:9"}))
STEPS: Final = 60
NAMES: Final = ("a", "b", "c", "a/a", "a/a/b", "b/b", "b/a/a", "c/a/b", "d/a")
SUBJECTS: Final = 5


def plainly(mirror: Mirror, who: Who | None) -> dict[int, Seen]:
    """What is seen, by looking at each row."""
    sight = sight_of(mirror, who)
    found: dict[int, Seen] = {}
    for number, box in mirror.account.mailboxes.items():
        index = box.index
        assert index is not None
        if number not in sight.readable:
            continue
        for row in range(index.count):
            flags, email = int(index.flags[row]), int(index.emails[row])
            if flags & DELETED:
                continue
            known = found.get(email)
            if known is None:
                size, date, thread = int(index.sizes[row]), int(index.dates[row]), int(index.threads[row])
                found[email] = Seen(email, (number,), flags, size, date, thread)
            else:
                boxes = known.mailboxes if number in known.mailboxes else (*known.mailboxes, number)
                found[email] = known._replace(mailboxes=boxes, flags=known.flags | flags)
    return found


def threads_of(seen: dict[int, Seen]) -> dict[int, frozenset[int]]:
    threads: dict[int, set[int]] = {}
    for one in seen.values():
        threads.setdefault(one.thread, set()).add(one.email)
    return {thread: frozenset(emails) for thread, emails in threads.items()}


def parent_of(sight: Sight, name: str) -> int | None:
    """The nearest one above that is seen."""
    by_name = {box.name: number for number, box in sight.listed.items()}
    while name := name.rpartition(SEPARATOR)[0]:
        if name in by_name:
            return by_name[name]
    return None


def boxes_of(sight: Sight) -> dict[int, Any]:
    return {
        number: (
            box.name.rpartition(SEPARATOR)[2],
            parent_of(sight, box.name),
            box.role,
            sight.rights(number),
            sight.who is None and box.name in sight.account.subscriptions,
            sight.counts(number) if number in sight.readable else (),
        )
        for number, box in sight.listed.items()
    }


class Knower:
    """Somebody who knew all at a moment."""

    def __init__(self, mirror: Mirror, who: Who | None) -> None:
        self.who = who
        self.modseq = mirror.account.modseq
        self.emails = plainly(mirror, who)
        self.threads = threads_of(self.emails)
        self.boxes = boxes_of(sight_of(mirror, who))

    def learn(self, told: Told, mine: dict[int, Any], now: dict[int, Any]) -> None:
        """Take what was told, and find that nothing else is different."""
        assert len({*told.created, *told.updated, *told.destroyed}) == sum(map(len, told))
        assert mine.keys() >= {*told.updated}
        assert self.who is not None or not mine.keys() & {*told.created}, "it is told as new what was there before"
        for number in (*told.created, *told.updated):
            mine[number] = now[number]
        for number in told.destroyed:
            assert number not in now
            mine.pop(number, None)
        assert mine == now


async def told_since(client: MailboxClient, mirror: Mirror, since: int, who: Who | None) -> Changes:
    changes = Changes(sight_of(mirror, who))
    async for page in client.log(ACCOUNT, since, mirror.account.modseq):
        for _modseq, entry in page:
            changes.fold(entry)
    return changes


class Life:
    """What happens to the account."""

    def __init__(self, client: MailboxClient, dice: random.Random) -> None:
        self.client = client
        self.dice = dice

    async def step(self) -> None:
        name = self.dice.choice([one for one in dir(self) if one.startswith("do_")])
        try:
            await getattr(self, name)()
        except Trouble:
            return

    async def names(self) -> list[str]:
        return [box.name for box in (await self.client.tree(ACCOUNT)).mailboxes]

    async def some(self) -> tuple[str, Ranges]:
        """A mailbox and some UIDs, of which many are not there."""
        low = self.dice.randint(1, 12)
        return self.dice.choice(await self.names()), ((low, low + self.dice.randint(0, 4)),)

    async def message(self) -> Item:
        number = self.dice.randint(1, SUBJECTS)
        raw = b"Message-ID: <%d@x>\r\nReferences: <%d@x>\r\nSubject: s%d\r\n\r\n" % (
            self.dice.randint(0, 10**9),
            number,
            number,
        )
        return Item(
            await self.client.prepare(raw), self.dice.randint(1, 5), self.dice.choice([0, SEEN, FLAGGED, DRAFT])
        )

    async def do_deliver(self) -> None:
        item = await self.message()
        await self.client.deliver(ACCOUNT, item.message)

    async def do_append(self) -> None:
        await self.client.add(ACCOUNT, self.dice.choice(await self.names()), [await self.message()])

    async def do_place(self) -> None:
        boxes = [box.id for box in (await self.client.tree(ACCOUNT)).mailboxes]
        items = [await self.message() for _ in range(self.dice.randint(1, 3))]
        await self.client.place(ACCOUNT, self.dice.sample(boxes, self.dice.randint(1, 3)), items)

    async def do_flags(self) -> None:
        name, uids = await self.some()
        selected = await self.client.select(ACCOUNT, name, read_only=False, changed=lambda: None)
        bits = self.dice.choice([SEEN, SEEN, DRAFT, FLAGGED, DELETED, DELETED])
        await selected.set_flags(uids, self.dice.choice(["add", "remove"]), bits)
        await selected.close()

    async def do_expunge(self) -> None:
        name, _uids = await self.some()
        selected = await self.client.select(ACCOUNT, name, read_only=False, changed=lambda: None)
        await selected.expunge()
        await selected.close()

    async def do_copy(self) -> None:
        name, uids = await self.some()
        selected = await self.client.select(ACCOUNT, name, read_only=False, changed=lambda: None)
        await selected.copy(uids, self.dice.choice(await self.names()), move=self.dice.random() < 0.5)
        await selected.close()

    async def do_edit(self) -> None:
        mirror = await self.client.mirror(ACCOUNT)
        boxes = list(mirror.account.mailboxes)
        highest = mirror.account.next_email
        edits = []
        for email in {self.dice.randint(1, highest) for _ in range(self.dice.randint(1, 4))}:
            edit = EmailEdit(
                email,
                set=self.dice.choice([0, SEEN, FLAGGED, DRAFT]),
                clear=self.dice.choice([0, SEEN, FLAGGED, DRAFT]),
                add=self.dice.choice([(), ("$junk",), ("a", "b")]),
                remove=self.dice.choice([(), ("$junk",)]),
                replace=self.dice.random() < 0.2,
                only=self.dice.choice([None, None, (), tuple(self.dice.sample(boxes, 2))]),
                into=tuple(self.dice.sample(boxes, self.dice.randint(0, 1))),
                out=tuple(self.dice.sample(boxes, self.dice.randint(0, 2))),
            )
            edits.append(edit)
        await edit_and_check(self.client, edits)

    async def do_make(self) -> None:
        await self.client.create(ACCOUNT, self.dice.choice(NAMES))

    async def do_remove(self) -> None:
        await self.client.delete(ACCOUNT, self.dice.choice(NAMES))

    async def do_rename(self) -> None:
        await self.client.rename(
            ACCOUNT, self.dice.choice(["a", "b", "a/a", "b/b", INBOX]), self.dice.choice(["d", "b/a/c", *NAMES])
        )

    async def do_subscribe(self) -> None:
        await self.client.subscribe(ACCOUNT, self.dice.choice("ab"), self.dice.random() < 0.5)

    async def do_share(self) -> None:
        if self.dice.random() < 0.3:
            rights = self.dice.choice(["lr", "l", "", "lrswite"])
            await self.client.set_acl(ACCOUNT, self.dice.choice(await self.names()), "user:9", rights)

    async def do_objects(self) -> None:
        name = self.dice.choice("xyz")
        await self.client.put_objects(ACCOUNT, [("Identity", name, self.dice.choice([None, b"value"]))])


async def edit_and_check(client: MailboxClient, edits: list[EmailEdit]) -> None:
    """What an edit does is what it says, to what it names and to nothing else."""
    before = plainly(await client.mirror(ACCOUNT), None)
    reply = await client.edit(ACCOUNT, edits)
    failed = dict(reply.failed)
    mirror = await client.mirror(ACCOUNT)
    after = plainly(mirror, None)
    keywords = [word.lower() for word in mirror.account.keywords]
    for edit in edits:
        was, now = before.pop(edit.email, None), after.pop(edit.email, None)
        if was is None:
            assert failed[edit.email] == "missing"
            continue
        boxes = {*edit.only} if edit.only is not None else ({*was.mailboxes} | {*edit.into}) - {*edit.out}
        if not boxes and edit.only is None:
            assert failed[edit.email] == "unplaced"
            assert now == was
            continue
        assert edit.email not in failed
        if not boxes:
            assert now is None
            continue
        assert now is not None
        assert {*now.mailboxes} == boxes
        flags = 0 if edit.replace else was.flags & ~edit.clear
        for word in () if edit.replace else edit.remove:
            flags &= ~(1 << 5 + keywords.index(word)) if word in keywords else -1
        flags |= edit.set
        for word in edit.add:
            flags |= 1 << 5 + keywords.index(word)
        assert now.flags == flags
        assert (now.size, now.date_ms, now.thread) == (was.size, was.date_ms, was.thread)
    assert after == before


def check_sight(mirror: Mirror, who: Who | None) -> None:
    sight, seen = sight_of(mirror, who), plainly(mirror, who)
    found = sight.find(range(mirror.account.next_email))
    assert {key: one._replace(mailboxes=()) for key, one in found.items()} == {
        key: one._replace(mailboxes=()) for key, one in seen.items()
    }
    assert all({*found[key].mailboxes} == {*one.mailboxes} for key, one in seen.items())
    table = sight.table()
    assert table.rows.emails.tolist() == sorted(seen)
    for place, email in enumerate(sorted(seen)):
        one = seen[email]
        assert {*holders_of(table, place)} == {*one.mailboxes}
        row = tuple(int(column[place]) for column in table.rows)
        assert row == (email, one.flags, one.size, one.date_ms, one.thread)
    threads = sight.threads([one.thread for one in seen.values()])
    assert {thread: frozenset(emails) for thread, emails in threads.items()} == threads_of(seen)
    trash = next((box.id for box in sight.readable.values() if box.role == "trash"), 0)
    for number in sight.readable:
        inside = [one for one in seen.values() if number in one.mailboxes]
        outside = [one for one in seen.values() if (trash in one.mailboxes) if number == trash] or [
            one for one in seen.values() if {*one.mailboxes} != {trash}
        ]
        if number == trash:
            outside = inside
        unread = {one.thread for one in outside if not one.flags & (SEEN | DRAFT)}
        mine = {one.thread for one in inside}
        assert sight.counts(number) == (
            len(inside),
            sum(not one.flags & (SEEN | DRAFT) for one in inside),
            len(mine),
            len(mine & unread),
        )


@pytest.mark.parametrize("seed", [*range(6), 11])
async def test_whoever_knew_it_once_learns_what_it_is(client: MailboxClient, seed: int) -> None:
    dice = random.Random(seed)
    life = Life(client, dice)
    mirror = await client.mirror(ACCOUNT)
    knowers = [Knower(mirror, who) for who in (None, BOB)]
    for _ in range(STEPS):
        await life.step()
        mirror = await client.mirror(ACCOUNT)
        mirror.account.check()
        if dice.random() < 0.2:
            knowers += [Knower(mirror, who) for who in (None, BOB)]
        for knower in dice.sample(knowers, min(3, len(knowers))):
            check_sight(mirror, knower.who)
            changes = await told_since(client, mirror, knower.modseq, knower.who)
            now = Knower(mirror, knower.who)
            if not changes.unknown:
                knower.learn(changes.emails(), knower.emails, now.emails)
                knower.learn(changes.threads(), knower.threads, now.threads)
            else:
                assert knower.who is not None
            if not changes.unknown_mailboxes:
                boxes, only_counts = changes.mailboxes()
                if only_counts:
                    assert all(now.boxes[number][:4] == knower.boxes[number][:4] for number in boxes.updated)
                knower.learn(boxes, knower.boxes, now.boxes)
            else:
                assert knower.who is not None
            knowers.remove(knower)
            knowers.append(now)


async def test_a_mirror_is_what_the_store_says(client: MailboxClient) -> None:
    life = Life(client, random.Random(5))
    for _ in range(STEPS):
        await life.step()
    held = await client.mirror(ACCOUNT)
    client._mirrors.forget(ACCOUNT)
    anew = await client.mirror(ACCOUNT)
    assert anew is not held
    for mirror in (held, anew):
        mirror.account.answers = type(mirror.account.answers)()  # of no use to who does not own it
        mirror.account.base = 0
    assert encode_head(anew.account) == encode_head(held.account)
    for number, box in anew.account.mailboxes.items():
        other = held.account.mailboxes[number].index
        assert box.index is not None
        assert other is not None
        assert [column.tolist() for column in box.index.columns] == [column.tolist() for column in other.columns]


async def test_objects_are_kept_and_told_of(client: MailboxClient) -> None:
    first = await client.put_objects(ACCOUNT, [("Identity", "b", b"2"), ("Identity", "a", b"1"), ("Quota", "a", b"q")])
    assert await client.objects(ACCOUNT, "Identity") == [("a", b"1"), ("b", b"2")]
    assert await client.object(ACCOUNT, "Identity", "c") is None
    mirror = await client.mirror(ACCOUNT)
    assert mirror.account.stamp("Identity") >= first - 1
    second = await client.put_objects(ACCOUNT, [("Identity", "a", None)], since=mirror.account.stamp("Identity"))
    with pytest.raises(Stale):
        await client.put_objects(ACCOUNT, [("Identity", "b", None)], since=first)
    await client.put_objects(ACCOUNT, [("Quota", "b", b"")], since=first)
    assert await client.objects(ACCOUNT, "Identity") == [("b", b"2")]
    changes = await told_since(client, await client.mirror(ACCOUNT), first, None)
    assert changes.objects("Identity") == ["a"]
    assert changes.objects("Quota") == ["b"]
    assert second > first


async def test_an_edit_only_if_nothing_changed(client: MailboxClient) -> None:
    prepared = await client.prepare(b"Subject: x\r\n\r\n")
    await client.deliver(ACCOUNT, prepared)
    mirror = await client.mirror(ACCOUNT)
    stamp = mirror.account.stamp("Email")
    await client.create(ACCOUNT, "a")
    assert not (await client.edit(ACCOUNT, [EmailEdit(1, set=SEEN)], since=stamp)).failed
    with pytest.raises(Stale):
        await client.edit(ACCOUNT, [EmailEdit(1, clear=SEEN)], since=stamp)


async def test_what_others_may_not_do(client: MailboxClient) -> None:
    prepared = await client.prepare(b"Subject: x\r\n\r\n")
    await client.deliver(ACCOUNT, prepared)
    inbox = (await client.tree(ACCOUNT)).find(INBOX)
    trash = (await client.tree(ACCOUNT)).find("Trash")
    assert inbox is not None
    assert trash is not None
    for rights, edit, why in (
        ("l", EmailEdit(1, set=SEEN), "missing"),
        ("lr", EmailEdit(1, set=SEEN), "forbidden"),
        ("lrs", EmailEdit(1, set=SEEN), None),
        ("lrs", EmailEdit(1, set=FLAGGED), "forbidden"),
        ("lrs", EmailEdit(1, only=()), "forbidden"),
        ("lrs", EmailEdit(1, into=(trash.id,)), "unplaced"),
        ("lrte", EmailEdit(1, only=()), None),
    ):
        await client.set_acl(ACCOUNT, INBOX, "user:9", rights)
        reply = await client.edit(ACCOUNT, [edit], who=BOB)
        assert dict(reply.failed) == ({1: why} if why else {}), (rights, edit)
