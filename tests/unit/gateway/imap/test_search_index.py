"""Whatever the index covers, SEARCH finds what reading every message finds; and it reads no more than it must."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from gateway.access.finding import finder as finding
from mail.message import content
from mail.message.charset import fold
from mail.message.header import unfold, values
from mail.message.record import Record, read_message
from mail.message.words import decode_words
from tests.unit.actors.search import making
from tests.unit.gateway.imap.indexed import IndexedWorld
from tests.unit.gateway.imap.world import Client, message

MESSAGES = 40
TREES = 60
FIELDS = ("FROM", "TO", "CC", "BCC", "SUBJECT", "TEXT", "BODY", "HEADER")

Tree = tuple[Any, ...]  # a word, then a needle or one or two trees


_TEXTS: dict[str, Callable[[bytes, Record], list[str]]] = {
    "FROM": lambda raw, record: making.addresses(raw, record, "from"),
    "TO": lambda raw, record: making.addresses(raw, record, "to"),
    "CC": lambda raw, record: making.addresses(raw, record, "cc"),
    "BCC": lambda raw, record: making.addresses(raw, record, "bcc"),
    "SUBJECT": lambda _raw, record: [] if record.subject is None else [record.subject],
    "TEXT": lambda raw, record: [content.search_text(raw, record)],
    "BODY": lambda raw, record: [content.body_text(raw, record)],
    "HEADER": lambda raw, record: [decode_words(unfold(one)) for one in values(raw[: record.root.body], b"x-other")],
}


def _holds(tree: Tree, number: int, raw: bytes, record: Record) -> bool:
    match tree:
        case ("NOT", inner):
            return not _holds(inner, number, raw, record)
        case ("OR", left, right):
            return _holds(left, number, raw, record) or _holds(right, number, raw, record)
        case ("AND", left, right):
            return _holds(left, number, raw, record) and _holds(right, number, raw, record)
        case ("SET", bound):
            return bool(number <= bound)
        case (field, needle):
            return any(fold(needle) in fold(text) for text in _TEXTS[field](raw, record))
    raise AssertionError


def _written(tree: Tree) -> bytes:
    match tree:
        case ("NOT", inner):
            return b"NOT " + _written(inner)
        case ("OR", left, right):
            return b"OR " + _written(left) + b" " + _written(right)
        case ("AND", left, right):
            return b"(" + _written(left) + b" " + _written(right) + b")"
        case ("SET", bound):
            return b"1:%d" % bound
        case (field, needle):
            words = needle.encode()
            name = b"HEADER X-Other" if field == "HEADER" else field.encode()
            return b"%b {%d+}\r\n%b" % (name, len(words), words)
    raise AssertionError


def _tree(dice: random.Random, needles: list[str], depth: int) -> Tree:
    kind = dice.random()
    if depth == 0 or kind < 0.4:
        if dice.random() < 0.1:
            return ("SET", dice.randrange(1, MESSAGES + 3))
        return (dice.choice(FIELDS), dice.choice(needles))
    if kind < 0.55:
        return ("NOT", _tree(dice, needles, depth - 1))
    return (dice.choice(("OR", "AND")), _tree(dice, needles, depth - 1), _tree(dice, needles, depth - 1))


def _needles(dice: random.Random, raws: list[bytes]) -> list[str]:
    """Words, parts of words, and what goes over their ends."""
    needles = ["", "e", "ss", "日本", "@example", "Re:", "smith", "nothing of that"]
    for raw in dice.sample(raws, 12):
        text = content.search_text(raw, read_message(raw))
        start = dice.randrange(max(1, len(text)))
        needles.append(text[start : start + dice.choice((2, 4, 7, 12))].replace("\0", " "))
    return [needle for needle in needles if "\r" not in needle and "\n" not in needle]


@pytest.mark.parametrize(("recent", "left"), [(0, 0), (10, 0), (5, 8), (0, MESSAGES)])
async def test_the_index_changes_no_answer(recent: int, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_BATCH", 3)  # MIN and MAX end early
    dice = random.Random(recent * 100 + left)
    raws = [making.message(dice) for _ in range(MESSAGES)]
    async with IndexedWorld() as world:
        for raw in raws:
            await world.deliver(raw)
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await world.index(recent=recent, left=left)
        records = [read_message(raw) for raw in raws]
        needles = _needles(dice, raws)
        for _ in range(TREES):
            tree = _tree(dice, needles, 4)
            wanted = [
                number
                for number, (raw, record) in enumerate(zip(raws, records, strict=True), 1)
                if _holds(tree, number, raw, record)
            ]
            found = await _search(client, b"SEARCH CHARSET UTF-8 " + _written(tree))
            assert found == wanted, tree
            ends = await client.ok(b"SEARCH RETURN (MIN) CHARSET UTF-8 " + _written(tree))
            assert ends[0] == b'* ESEARCH (TAG "t")' + (b" MIN %d" % wanted[0] if wanted else b""), tree
            ends = await client.ok(b"SEARCH RETURN (MAX) CHARSET UTF-8 " + _written(tree))
            assert ends[0] == b'* ESEARCH (TAG "t")' + (b" MAX %d" % wanted[-1] if wanted else b""), tree


async def _search(client: Client, text: bytes) -> list[int]:
    lines = await client.ok(text)
    return [int(number) for number in lines[0].split()[2:]]


async def _filled(world: IndexedWorld, count: int) -> Client:
    for number in range(count):
        await world.deliver(message(f"letter {number}", body=f"the word{number} and all{number % 2}\r\n"))
    client = await world.connect("alice")
    await client.ok("SELECT INBOX")
    return client


async def test_what_the_index_knows_is_not_read() -> None:
    async with IndexedWorld() as world:
        client = await _filled(world, 40)
        index = await world.index()
        assert await _search(client, b"SEARCH BODY word7") == [8]
        assert await _search(client, b"SEARCH NOT TEXT all1 SUBJECT letter") == list(range(1, 41, 2))
        assert await _search(client, b"SEARCH SENTBEFORE 8-Feb-1994 FROM bob") == list(range(1, 41))
        assert (world.mail.read, world.mail.opened) == (0, 0)
        assert ("body", "word7") in index.asked
        # a needle of several words has candidates: only they are read
        assert await _search(client, b'SEARCH BODY "word7 and"') == [8]
        assert (world.mail.read, world.mail.opened) == (1, 1)
        # what the columns rule out is not even asked
        index.asked.clear()
        assert await _search(client, b"SEARCH DELETED BODY word7") == []
        assert await _search(client, b"SEARCH OR ALL BODY word7") == list(range(1, 41))
        assert index.asked == []


async def test_messages_behind_the_index_are_read() -> None:
    async with IndexedWorld() as world:
        client = await _filled(world, 30)
        await world.index(left=3)
        assert await _search(client, b"SEARCH TEXT all1") == list(range(2, 31, 2))
        assert world.mail.opened == 3


async def test_few_messages_are_read_sooner_than_an_index() -> None:
    async with IndexedWorld() as world:
        client = await _filled(world, 30)
        index = await world.index()
        assert await _search(client, b"SEARCH 3:5 BODY word4") == [5]
        assert world.mail.opened == 3
        assert index.asked == []


async def test_the_first_search_in_texts_wants_an_index() -> None:
    async with IndexedWorld() as world:
        client = await _filled(world, 20)
        await client.ok("SEARCH SEEN LARGER 10 SINCE 1-Jan-2000")
        assert world.memory.wanted == set()
        await client.ok("SEARCH BODY word7")
        assert world.memory.wanted == {11}


async def test_a_search_whose_client_has_gone_ends() -> None:
    async with IndexedWorld() as world:
        client = await _filled(world, 250)
        client.send(b"a SEARCH BODY nowhere\r\n")
        world.mail.meanwhile = lambda: _leave(client)
        for _ in range(400):
            await asyncio.sleep(0)
        assert client.connection.lost
        assert not client.connection.busy
        assert world.mail.opened <= 200  # one batch


async def _leave(client: Client) -> None:
    client.pipe.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_one_damaged_message_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from actors.mailbox.client import Message
    from cluster.errors import Corrupt

    real = cast("property", Message.__dict__["record"]).fget
    assert real is not None

    def record(self: Message) -> Record:
        found: Record = real(self)
        if found.subject == "letter 1":
            raise Corrupt("A message record is damaged.", log="a test")
        return found

    async with IndexedWorld() as world:
        client = await _filled(world, 4)
        monkeypatch.setattr(Message, "record", property(record))
        assert await _search(client, b"SEARCH SUBJECT letter") == [1, 3, 4]
        lines = await client.ok("SORT (SUBJECT) UTF-8 ALL")
        assert lines[0] == b"* SORT 2 1 3 4"
