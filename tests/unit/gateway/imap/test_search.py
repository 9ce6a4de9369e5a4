"""SEARCH in three stages finds what evaluating each key on each message finds."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.imap.world import Client, World, message

WORDS = ("apple", "pear", "plum")
FLAGS = ("SEEN", "FLAGGED", "DRAFT")
# Each message has one of the words as subject, one in its text, and some of the flags.
MESSAGES = [
    (subject, body, flags) for subject in WORDS for body in WORDS for flags in ((), ("SEEN",), ("FLAGGED", "DRAFT"))
]

Tree = tuple[Any, ...]  # a word, then a value or one or two trees

_LEAVES = st.one_of(
    st.tuples(st.sampled_from(["SUBJECT", "BODY", "TEXT"]), st.sampled_from(WORDS)),
    st.tuples(st.just("FLAG"), st.sampled_from(FLAGS)),
    st.tuples(st.just("SET"), st.sampled_from(["1:5", "*", "9,20:12"])),
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.tuples(st.just("NOT"), inner), st.tuples(st.sampled_from(["OR", "AND"]), inner, inner)),
    max_leaves=8,
)


def _written(tree: Tree) -> str:
    match tree:
        case ("NOT", inner):
            return f"NOT {_written(inner)}"
        case ("OR", left, right):
            return f"OR {_written(left)} {_written(right)}"
        case ("AND", left, right):
            return f"({_written(left)} {_written(right)})"
        case (("FLAG" | "SET"), value):
            return str(value)
        case (name, value):
            return f"{name} {value}"
    raise AssertionError


def _holds(tree: Tree, number: int) -> bool:
    subject, body, flags = MESSAGES[number - 1]
    match tree:
        case ("NOT", inner):
            return not _holds(inner, number)
        case ("OR", left, right):
            return _holds(left, number) or _holds(right, number)
        case ("AND", left, right):
            return _holds(left, number) and _holds(right, number)
        case ("FLAG", flag):
            return flag in flags
        case ("SET", "1:5"):
            return number <= 5
        case ("SET", "*"):
            return number == len(MESSAGES)
        case ("SET", _):
            return number == 9 or 12 <= number <= 20
        case ("SUBJECT", word):
            return bool(word == subject)
        case ("BODY", word):
            return bool(word == body)
        case ("TEXT", word):
            return word in (subject, body)
    raise AssertionError


@settings(max_examples=8, deadline=None)
@given(st.lists(_TREES, min_size=20, max_size=20))
def test_search_is_what_its_keys_say(trees: list[Tree]) -> None:
    asyncio.run(_compare(trees))


async def _compare(trees: list[Tree]) -> None:
    async with World() as world:
        client = await world.connect("alice")
        for subject, body, flags in MESSAGES:
            await _append(client, message(subject, f"a {body} a day\r\n"), flags)
        await client.ok("EXAMINE INBOX")
        for tree in trees:
            lines = await client.ok(f"SEARCH {_written(tree)}")
            wanted = [number for number in range(1, len(MESSAGES) + 1) if _holds(tree, number)]
            assert [int(number) for number in lines[0].split()[2:]] == wanted, _written(tree)


async def _append(client: Client, raw: bytes, flags: tuple[str, ...]) -> None:
    words = " ".join(f"\\{flag}" for flag in flags)
    await client.ok(f"APPEND INBOX ({words}) {{{len(raw)}+}}\r\n".encode() + raw)


async def test_flags_decide_without_reading_a_message() -> None:
    """What the columns can tell costs no record, and what the record can tell no message."""
    async with World() as world:
        for number in range(5):
            await world.deliver(message(f"m{number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok("STORE 2 +FLAGS (\\Flagged)")
        assert (await client.ok("SEARCH OR FLAGGED (SEEN TEXT m1)"))[0] == b"* SEARCH 2"
        assert (world.mail.read, world.mail.opened) == (0, 0)
        assert (await client.ok("SEARCH FLAGGED SUBJECT m1"))[0] == b"* SEARCH 2"
        assert (world.mail.read, world.mail.opened) == (1, 0)
