"""Message ids, their keys, and base subjects."""

from hashlib import blake2b
from typing import NamedTuple

import pytest

from mail.message.record import read_message
from mail.message.thread import (
    THREAD_KEYS_MAX,
    base_subject,
    is_reply,
    message_ids,
    parents_of,
    thread_keys,
)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b" <a@b>\r\n", ("a@b",)),
        (b"<a@b> <c@d>\r\n\t<e@f>", ("a@b", "c@d", "e@f")),
        (b"<a@b><c@d>", ("a@b", "c@d")),
        (b'Your message of "Monday" <a@b>', ("a@b",)),
        (b"<1234   @   local>", ("1234@local",)),
        (b'<"a b"@c>', ("ab@c",)),
        (b"<long.first\r\n .second@x>", ("long.first.second@x",)),
        (b"a@b", ("a@b",)),
        (b"a@b, c@d", ("a@b", "c@d")),
        (b"words only", ()),
        (b"<> < >", ()),
        (b"<a@b", ()),
        (b"<" + b"x" * 600 + b"@y> <a@b>", ("a@b",)),
        (b"", ()),
    ],
)
def test_message_ids(value: bytes, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


def test_the_first_and_the_last_ids_are_kept() -> None:
    value = b" ".join(b"<%d@x>" % number for number in range(100))
    assert message_ids(value, 4) == ("0@x", "97@x", "98@x", "99@x")


class Ids(NamedTuple):
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def keys(*ids: str) -> tuple[bytes, ...]:
    return tuple(blake2b(one.encode(), digest_size=8).digest() for one in ids)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Ids(), ()),
        (Ids("a@x"), keys("a@x")),
        (Ids("c@x", ("b@x",), ("a@x", "b@x")), keys("c@x", "b@x", "a@x")),
        (Ids("c@x", ("z@x", "bob@example.com"), ("a@x", "b@x")), keys("c@x", "z@x", "b@x", "a@x")),
        (Ids(None, (), ("a@x", "b@x")), keys("b@x", "a@x")),
        (Ids("a@x", ("a@x",), ("a@x", "a@x")), keys("a@x")),
        (Ids("ü@x"), keys("ü@x")),
        (Ids("m@x", (), tuple(f"{n}@x" for n in range(50))), keys("m@x", *[f"{n}@x" for n in range(49, 30, -1)])),
    ],
)
def test_thread_keys(record: Ids, expected: tuple[bytes, ...]) -> None:
    assert len(expected) <= THREAD_KEYS_MAX
    assert thread_keys(record) == expected


def test_thread_keys_of_a_message_and_of_its_reply_meet() -> None:
    message = read_message(b'Message-ID: <"a b"@x>\r\n\r\n')
    reply = read_message(b"Message-ID: <b@x>\r\nIn-Reply-To: <a\r\n b@x>\r\n\r\n")
    assert thread_keys(message)[0] == thread_keys(reply)[1]


def test_parents_of() -> None:
    assert parents_of(Ids("c", ("z",), ("a", "b"))) == ("a", "b")
    assert parents_of(Ids("c", ("z", "bob@example.com"))) == ("z",)
    assert parents_of(Ids("c")) == ()


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Hello", "Hello"),
        ("Re: Hello", "Hello"),
        ("RE : [list] re[2]: FWD: Hello", "Hello"),
        ("Fw: Hello (fwd)", "Hello"),
        ("[fwd: Re: Hello]", "Hello"),
        ("[Fwd: [Fwd: Re: Hello ] ]", "Hello"),
        ("[list] Hello", "Hello"),
        ("[one] [two] Re: Hello", "Hello"),
        ("[only a blob]", "[only a blob]"),
        ("Re: [only a blob]", "[only a blob]"),
        ("  Re:\t  two   words ", "two words"),
        ("Re:", ""),
        ("(fwd)", ""),
        ("", ""),
        ("Regards: x", "Regards: x"),
        ("fwx: y", "fwx: y"),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("Hello", False),
        ("[list] Hello", False),
        ("  [a] [b]  Hello  ", False),
        ("[only a blob]", False),
        ("", False),
        ("Re: Hello", True),
        ("[list] fw: Hello", True),
        ("RE [1]: Hello", True),
        ("Hello (fwd)", True),
        ("Hello (FWD) ", True),
        ("(fwd) Hello", False),
        ("[fwd: Hello]", True),
        ("[list] [Fwd: Hello]", True),
        ("[fwd: Hello", False),
        ("Re: ", True),
        ("Regards: Hello", False),
    ],
)
def test_is_reply(subject: str, reply: bool) -> None:
    assert is_reply(subject) is reply


def test_only_the_begin_of_a_hostile_subject_is_looked_at() -> None:
    assert len(base_subject("[a]" * 100_000)) <= 1000
