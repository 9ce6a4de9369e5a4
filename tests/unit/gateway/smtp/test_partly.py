"""Who has a message that others do not have yet: remembered until all have it, and never without bound."""

from gateway.smtp import partly
from gateway.smtp.partly import HOLDERS_MAX, MESSAGES_MAX, Partly


def test_who_has_it_is_remembered_until_all_have_it() -> None:
    known = Partly()
    assert known.key("a@x", b"1") == b""
    known.unfinished("a@x", b"1", frozenset({1, "b@far.test"}))
    known.unfinished("a@x", b"1", frozenset({1, 2, "b@far.test"}))
    key = known.key("a@x", b"1")
    assert known.have(key) == {1, 2, "b@far.test"}
    assert known.have(known.key("b@x", b"1")) == known.have(known.key("a@x", b"2")) == frozenset()
    known.finished(key)
    assert known.have(key) == frozenset()
    assert known.key("a@x", b"1") == b""


def test_the_oldest_messages_are_forgotten() -> None:
    known = Partly()
    for number in range(MESSAGES_MAX + 1):
        known.unfinished("a@x", b"%d" % number, frozenset({number}))
    assert known.have(partly._key("a@x", b"0")) == frozenset()
    assert known.have(partly._key("a@x", b"1")) == {1}


def test_many_who_have_it_count_for_as_many() -> None:
    known = Partly()
    many = HOLDERS_MAX // 4 + 1
    for number in range(4):
        known.unfinished("a@x", b"%d" % number, frozenset(range(many)))
    assert [len(known.have(partly._key("a@x", b"%d" % number))) for number in range(4)] == [0, many, many, many]
    known.unfinished("a@x", b"3", frozenset({1}))
    known.unfinished("a@x", b"4", frozenset(range(many)))
    assert len(known.have(partly._key("a@x", b"1"))) == many
