"""Message ids and base subjects."""

import pytest

from mail.message.thread import base_subject, message_id, message_ids


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


def test_message_id() -> None:
    assert message_id(b"<a@b> <c@d>") == "a@b"
    assert message_id(b"none") is None
    assert message_id(None) is None


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


def test_only_the_begin_of_a_hostile_subject_is_looked_at() -> None:
    assert len(base_subject("[a]" * 100_000)) <= 1000
