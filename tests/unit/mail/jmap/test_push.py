"""What is pushed, and what an event source is asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.jmap import push

NUMBERS = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        (("*", "no", "0"), push.EventQuery(None, "no", 0)),
        (("Email,Mailbox", "state", "300"), push.EventQuery(frozenset({"Email", "Mailbox"}), "state", 300)),
        (("Email", "no", "1"), push.EventQuery(frozenset({"Email"}), "no", push.PING_S_MIN)),
        (("x-own.Type", "no", "999999999"), push.EventQuery(frozenset({"x-own.Type"}), "no", push.PING_S_MAX)),
    ],
)
def test_a_query(asked: tuple[str, str, str], query: push.EventQuery) -> None:
    assert push.read_query(*asked) == query


def test_bounds_of_pings_are_the_standards() -> None:
    assert push.PING_S_MIN <= 30  # RFC 8620 7.3
    assert push.PING_S_MAX >= 300


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (("", "no", "0"), "types"),
        (("Email,", "no", "0"), "types"),
        (("Email, Mailbox", "no", "0"), "types"),
        (("*,Email", "no", "0"), "types"),
        ((",".join(["Email"] * 101), "no", "0"), "types"),
        (("A" * 101, "no", "0"), "types"),
        (("*", "", "0"), "closeafter"),
        (("*", "State", "0"), "closeafter"),
        (("*", "no", ""), "ping"),
        (("*", "no", "-1"), "ping"),
        (("*", "no", "1.5"), "ping"),
        (("*", "no", "\u0661"), "ping"),
        (("*", "no", "1" * 10), "ping"),
    ],
)
def test_what_is_no_query(asked: tuple[str, str, str], names: str) -> None:
    with pytest.raises(push.BadQuery, match=f"^{names}"):
        push.read_query(*asked)


def test_objects() -> None:
    changed = {"A1f": {"Email": "7", "Mailbox": "7"}, "A20": {"Quota": "3"}}
    assert json.loads(push.state_change(changed)) == {"@type": "StateChange", "changed": changed}
    assert json.loads(push.state_change({}, "1-2"))["pushState"] == "1-2"
    assert json.loads(push.verification("P1", "abc")) == {
        "@type": "PushVerification",
        "pushSubscriptionId": "P1",
        "verificationCode": "abc",
    }


def test_events() -> None:
    assert push.state_event(b'{"a":1}', "1f-7") == b'event: state\nid: 1f-7\ndata: {"a":1}\n\n'
    assert push.ping_event(300) == b'event: ping\ndata: {"interval":300}\n\n'


@given(st.dictionaries(NUMBERS, NUMBERS, min_size=1, max_size=100))
def test_a_mark_says_what_is_known(known: dict[int, int]) -> None:
    text = push.mark(known.items())
    assert len(text) <= push.MARK_CHARS_MAX
    assert push.read_mark(text) == known


@given(st.text(max_size=60))
def test_anything_may_be_sent_as_a_mark(text: str) -> None:
    known = push.read_mark(text)
    assert not known or push._MARK.fullmatch(text)


@pytest.mark.parametrize("text", ["", "1", "1-", "1-2.", "1-2\n", "1-G", "1-2." * 2000 + "1-2", "1-" + "f" * 17])
def test_what_is_no_mark(text: str) -> None:
    assert push.read_mark(text) == {}
