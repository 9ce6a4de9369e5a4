"""Owners of mailboxes move and die under sessions: each command is answered OK once it was carried out, and once only;
IDLE and NOTIFY go on; nobody is told BYE; what each was told is what there is."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from actors.mailbox import renewing
from tests.unit.gateway.imap.picture import Picture
from tests.unit.gateway.imap.surviving import Cluster
from tests.unit.gateway.imap.world import ALICE, World, message

Trouble = Callable[[Cluster], Awaitable[None]]

TROUBLES: dict[str, Trouble] = {
    "moves": lambda cluster: cluster.move(),
    "dies": lambda cluster: cluster.die(),
    "restarts": lambda cluster: cluster.die(again=True),
}


@pytest.fixture(autouse=True)
def hosting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Across the data plane only."""
    monkeypatch.setattr(World, "far", False)
    monkeypatch.setattr(renewing, "PAUSE_S", 0.001)


async def _selected(cluster: Cluster, count: int = 6) -> Picture:
    for number in range(count):
        await cluster.deliver(message(f"m{number}"))
    picture = Picture(await cluster.connect("alice"))
    await picture.select("INBOX")
    return picture


async def _check(cluster: Cluster, picture: Picture) -> None:
    """What the client was told is what there is."""
    await cluster.quiet()
    await picture.refresh()
    hold = await cluster.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
    index = hold.view.index
    assert [uid for uid, _flags in picture.messages] == index.uids.tolist()
    for (_uid, flags), word in zip(picture.messages, index.flags.tolist(), strict=True):
        assert flags is not None
        assert (b"\\Seen" in flags, b"\\Deleted" in flags) == (bool(word & 1), bool(word & 8))
    await hold.close()


COMMANDS = [
    "STORE 1:3 +FLAGS (\\Seen)",
    "UID STORE 2:4 +FLAGS (\\Deleted)",
    "FETCH 1:* BODY[9]",  # there is none, and sets \Seen
    "EXPUNGE",
    "UID EXPUNGE 1:*",
    "COPY 1:2 Archive",
    "MOVE 1:2 Archive",
    "COPY 1:2 INBOX",
    "APPEND INBOX {5+}\r\na: b\n",
    "APPEND Archive {5+}\r\na: b\n",
    "REPLACE 1 Archive {5+}\r\na: b\n",
    "CREATE new",
    "RENAME Archive Old",
    "DELETE Archive",
    "SUBSCRIBE new",
    "UNSUBSCRIBE Archive",
    "STATUS Archive (MESSAGES)",
    'LIST "" *',
    "SELECT Archive",
    "EXAMINE INBOX",
    "CLOSE",
]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.partition("\r")[0])
async def test_a_command_whose_owner_goes_is_carried_out_once(command: str, trouble: str, before: bool) -> None:
    """`before`: the owner goes before it has carried it out; `after`: with the answer on its way."""
    async with Cluster() as cluster:
        picture = await _selected(cluster)
        await picture.run("STORE 5 +FLAGS (\\Deleted)")
        opens = command.split()[0] in ("SELECT", "EXAMINE")
        if opens:
            picture.messages.clear()
        async with cluster.trouble_with(1, lambda: TROUBLES[trouble](cluster), before=before):
            answer = await picture.run(command)
        assert answer.startswith(b"t OK"), answer
        after = await cluster.mail.tree(ALICE)
        # The same without any trouble.
        async with Cluster() as calm:
            other = await _selected(calm)
            await other.run("STORE 5 +FLAGS (\\Deleted)")
            if opens:
                other.messages.clear()
            expected = await other.run(command)
            there = await calm.mail.tree(ALICE)
        assert [(box.name, box.messages, box.unseen, box.uidnext) for box in after.mailboxes] == [
            (box.name, box.messages, box.unseen, box.uidnext) for box in there.mailboxes
        ]
        assert after.subscriptions == there.subscriptions
        assert answer.split(b"]")[-1] == expected.split(b"]")[-1]
        if opens:
            assert len(picture.messages) == len(other.messages)
        elif command != "CLOSE":
            await _check(cluster, picture)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_idle_goes_on(trouble: str) -> None:
    async with Cluster() as cluster:
        picture = await _selected(cluster, 2)
        client = picture.client
        client.send(b"i IDLE\r\n")
        assert await client.line() == b"+ idling"
        for number in range(4):
            await TROUBLES[trouble](cluster)
            await cluster.deliver(message(f"new {number}"))
            while (line := await client.line()) != b"* %d EXISTS" % (number + 3):
                assert line.startswith(b"*"), line
                assert not line.startswith(b"* BYE"), line
        client.send(b"DONE\r\n")
        while not (line := await client.line()).startswith(b"i "):
            assert line.startswith(b"* "), line
        assert line == b"i OK IDLE completed"
        picture.messages += [(0, None)] * 4
        await _check(cluster, picture)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_notify_goes_on(trouble: str) -> None:
    async with Cluster() as cluster:
        picture = await _selected(cluster, 1)
        client = picture.client
        await client.ok(
            "NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) "
            "(PERSONAL (MessageNew MessageExpunge MailboxName))"
        )
        heard: list[bytes] = []
        for number in range(4):
            await TROUBLES[trouble](cluster)
            await cluster.deliver(message(f"new {number}"))
            await cluster.mail.create(ALICE, f"n{number}")
            wanted = {b"* %d FETCH (UID %d" % (number + 2, number + 2), b'* LIST (\\HasNoChildren) "/" n%d' % number}
            while wanted:
                line = await client.line()
                assert line.startswith(b"* "), line
                heard.append(line)
                wanted = {one for one in wanted if not line.startswith(one)}
        assert not [line for line in heard if b"OVERFLOW" in line or b"BYE" in line]
        assert len([line for line in heard if b"LIST" in line]) == 4
        assert len([line for line in heard if b"FETCH (UID" in line]) == 4
        for line in heard:
            picture.hear(line)
        await _check(cluster, picture)


async def test_a_long_fetch_under_which_the_owner_goes_again_and_again() -> None:
    async with Cluster() as cluster:
        picture = await _selected(cluster, 60)
        opened = 0

        async def meanwhile() -> None:
            nonlocal opened
            opened += 1
            await TROUBLES[list(TROUBLES)[opened % 3]](cluster)

        cluster.mail.meanwhile = meanwhile
        answers = [await picture.run(f"FETCH {first}:{first + 9} (UID BODY[9])") for first in range(1, 60, 10)]
        cluster.mail.meanwhile = None
        assert all(answer.startswith(b"t OK") for answer in answers)
        assert opened == 6
        await _check(cluster, picture)
        assert all(flags is not None and b"\\Seen" in flags for _uid, flags in picture.messages)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_in_whatever_order(seed: int) -> None:
    """Sessions that work, one that idles and one that listens, while the owner goes again and again: what was answered
    OK happened once, and all pictures are true."""
    dice = random.Random(seed)
    async with Cluster() as cluster:
        workers = [await _selected(cluster, 3) for _ in range(3)]
        for picture in workers:
            await picture.refresh()
        idler = Picture(await cluster.connect("alice"))
        await idler.select("INBOX")
        idler.client.send(b"i IDLE\r\n")
        assert await idler.client.line() == b"+ idling"
        counted = _Counted()
        over = asyncio.Event()
        chaos = asyncio.create_task(_chaos(cluster, over, random.Random(seed + 100)))
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(
                    *(_work(picture, counted, random.Random(dice.random()), n) for n, picture in enumerate(workers))
                )
        finally:
            over.set()
            await chaos
        assert cluster.deaths > 2
        await cluster.quiet()
        idler.client.send(b"DONE\r\n")
        while not (line := await idler.client.line()).startswith(b"i "):
            assert not line.startswith(b"* BYE"), line
            idler.hear(line)
        for picture in (*workers, idler):
            await _check(cluster, picture)
        tree = await cluster.mail.tree(ALICE)
        boxes = {box.name: box for box in tree.mailboxes}
        assert boxes["Archive"].uidnext - 1 == counted.appended + counted.copied
        assert boxes["Archive"].messages == counted.appended + counted.copied
        await _log_is_what_is_there(cluster)


class _Counted:
    appended = copied = 0


async def _work(picture: Picture, counted: _Counted, dice: random.Random, number: int) -> None:
    for step in range(80):
        count = len(picture.messages)
        match dice.randrange(7):
            case 0:
                answer = await picture.run("APPEND Archive {5+}\r\na: b\n")
                counted.appended += 1
            case 1 if count:
                answer = await picture.run(f"UID COPY {picture.messages[dice.randrange(count)][0] or 1} Archive")
                counted.copied += b"COPYUID" in answer
            case 2 if count:
                answer = await picture.run(f"UID STORE {dice.randrange(1, count + 1)}:* +FLAGS (\\Seen)")
            case 3 if count > 4:
                await picture.run(f"UID STORE {picture.messages[0][0] or 1} +FLAGS (\\Deleted)")
                answer = await picture.run("EXPUNGE")
            case 4:
                answer = await picture.run("APPEND INBOX {5+}\r\na: b\n")
            case 5 if count:
                answer = await picture.run("UID FETCH 1:* (UID FLAGS)")
            case _:
                answer = await picture.run("NOOP")
        assert answer.startswith(b"t OK"), (number, step, answer)
        await asyncio.sleep(0)


async def _chaos(cluster: Cluster, over: asyncio.Event, dice: random.Random) -> None:
    while not over.is_set():
        await TROUBLES[dice.choice(list(TROUBLES))](cluster)
        for _ in range(dice.randrange(1, 8)):
            await asyncio.sleep(0.001)


async def _log_is_what_is_there(cluster: Cluster) -> None:
    """A shard that knows nothing finds the same."""
    before = await cluster.mail.tree(ALICE)
    await cluster.die()
    assert await cluster.mail.tree(ALICE) == before
