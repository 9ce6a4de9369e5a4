"""What is pushed: events and objects as they go out."""

import pytest

from mail.jmap.push import only, ping_event, push_verification, state_change, state_event
from mail.jmap.websocket import encode_change, encode_response

CHANGED = {"a3123": {"Email": "d35ecb040aab", "Mailbox": "1"}, "a43461d": {"Mailbox": "0af7a512ce70"}}


def test_a_state_event_is_whole_lines() -> None:
    assert state_event({"a": {"Email": "1"}}, "a.5") == (
        b'id: a.5\nevent: state\ndata: {"@type":"StateChange","changed":{"a":{"Email":"1"}}}\n\n'
    )


@pytest.mark.parametrize("event_id", ["", "a\nb", "a b", "é", "a" * 201])
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
    assert encode_response("R1", [("Core/echo", {}, "c")], "s", {"k": "v"}) == (
        b'{"@type":"Response","requestId":"R1","methodResponses":[["Core/echo",{},"c"]],"sessionState":"s",'
        b'"createdIds":{"k":"v"}}'
    )
