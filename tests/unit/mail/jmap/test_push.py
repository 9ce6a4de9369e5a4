"""What is pushed: events and objects as they go out; and marks, by which a client says what it knows already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.jmap import push
from mail.jmap.push import only, ping_event, push_verification, state_change, state_event
from mail.jmap.request import encode
from mail.jmap.websocket import encode_change, response_members

NUMBERS = st.integers(0, 2**63 - 1)
CHANGED = {"a3123": {"Email": "d35ecb040aab", "Mailbox": "1"}, "a43461d": {"Mailbox": "0af7a512ce70"}}


def test_a_state_event_is_whole_lines() -> None:
    assert state_event({"a": {"Email": "1"}}, "a.5") == (
        b'id: a.5\nevent: state\ndata: {"@type":"StateChange","changed":{"a":{"Email":"1"}}}\n\n'
    )


@pytest.mark.parametrize("event_id", ["", "a\nb", "a b", "é", "a" * 4097])
def test_an_id_cannot_make_lines(event_id: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        state_event(CHANGED, event_id)


def test_a_ping_has_no_id() -> None:
    assert ping_event(300) == b'event: ping\ndata: {"interval":300}\n\n'


def test_only_what_was_asked_for() -> None:
    assert only(CHANGED, None) == CHANGED
    assert only(CHANGED, {"Email"}) == {"a3123": {"Email": "d35ecb040aab"}}
    assert only(CHANGED, {"Thread"}) == {}


def test_objects() -> None:
    assert state_change(CHANGED) == {"@type": "StateChange", "changed": CHANGED}
    assert push_verification("P1", "code") == {
        "@type": "PushVerification",
        "pushSubscriptionId": "P1",
        "verificationCode": "code",
    }
    assert encode_change({"a": {"Email": "1"}}, "s") == (
        b'{"@type":"StateChange","changed":{"a":{"Email":"1"}},"pushState":"s"}'
    )
    assert encode([("Core/echo", {}, "c")], "s", {"k": "v"}, response_members("R1")) == (
        b'{"@type":"Response","requestId":"R1","methodResponses":[["Core/echo",{},"c"]],"sessionState":"s",'
        b'"createdIds":{"k":"v"}}'
    )


@given(st.dictionaries(NUMBERS, NUMBERS, min_size=1, max_size=100))
def test_a_mark_says_what_is_known(known: dict[int, int]) -> None:
    text = push.mark(known.items())
    assert len(text) <= push.MARK_MAX_CHARS
    assert push.read_mark(text) == known
    assert text.encode() in push.state_event({}, text)


@given(st.text(max_size=60))
def test_anything_may_be_sent_as_a_mark(text: str) -> None:
    known = push.read_mark(text)
    assert not known or push._MARK(text)


@pytest.mark.parametrize("text", ["", "1", "1-", "1-2.", "1-2\n", "1-G", "1-2." * 2000 + "1-2", "1-" + "f" * 17])
def test_what_is_no_mark(text: str) -> None:
    assert push.read_mark(text) == {}
