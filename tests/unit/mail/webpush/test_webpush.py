"""Keys, records, tokens and requests of web push beside the RFCs' examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.webpush import base64url, coding, encrypting, requesting, vapid
from tests.webpush import Agent, open_records

OWN = encrypting.private_key(bytes(48))


@given(st.binary(max_size=300), st.integers(coding.RECORD_BYTES_MIN, 60), st.binary(max_size=20))
def test_records_of_any_size_are_whole(data: bytes, size: int, keyid: bytes) -> None:
    body = coding.encrypt(data, b"secret", b"s" * 16, keyid=keyid, record_bytes=size)
    assert open_records(body, b"secret") == data


@given(st.binary(max_size=encrypting.PLAIN_BYTES_MAX), st.binary(min_size=48, max_size=48))
def test_an_agent_reads_what_is_for_it(data: bytes, seed: bytes) -> None:
    agent = Agent(5)
    body = encrypting.encrypted(data, encrypting.keys(**agent.keys), seed[:16], encrypting.private_key(seed))
    assert len(body) <= encrypting.BODY_BYTES_MAX
    assert agent.read(body) == data


def test_a_message_has_room_for_so_much() -> None:
    assert encrypting.PLAIN_BYTES_MAX == 3993  # RFC 8291 4
    to = encrypting.keys(**Agent(5).keys)
    assert len(encrypting.encrypted(bytes(3993), to, bytes(16), OWN)) == 4096
    with pytest.raises(ValueError, match="3993"):
        encrypting.encrypted(bytes(3994), to, bytes(16), OWN)


GOOD = Agent(7).keys


@pytest.mark.parametrize(
    ("p256dh", "auth", "why"),
    [
        ("", GOOD["auth"], "65 bytes"),
        ("!", GOOD["auth"], "p256dh: no base64url"),
        (base64url.encode(Agent(7).point[:-3]), GOOD["auth"], "65 bytes"),
        (base64url.encode(b"\2" + bytes(64)), GOOD["auth"], "65 bytes"),
        (base64url.encode(b"\4" + bytes(64)), GOOD["auth"], "no point"),
        (GOOD["p256dh"], "AAAA", "auth: a secret of 16"),
        (GOOD["p256dh"], "\u00e4", "auth: no base64url"),
    ],
)
def test_keys_that_are_none(p256dh: str, auth: str, why: str) -> None:
    with pytest.raises(encrypting.BadKeys, match=why):
        encrypting.keys(p256dh, auth)


def test_keys_with_padding_are_the_same() -> None:
    padded = encrypting.keys(GOOD["p256dh"] + "=", GOOD["auth"] + "==")
    assert padded == encrypting.keys(**GOOD)


@given(st.binary(max_size=40))
def test_base64url_is_one_text_for_one_value(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert "=" not in text


@pytest.mark.parametrize("text", ["AB", "A", "AAA+", "AA A", "AA==A", "A\n"])
def test_what_is_no_base64url(text: str) -> None:
    with pytest.raises(ValueError, match="no base64url"):
        base64url.decode(text)


@pytest.mark.parametrize(
    ("url", "aud"),
    [
        ("https://push.example.net/p/abc?d=1", "https://push.example.net"),
        ("HTTPS://Push.Example.net:443/", "https://push.example.net"),
        ("https://push.example.net:8443/x", "https://push.example.net:8443"),
        ("https://[2001:DB8::1]/x", "https://[2001:db8::1]"),
    ],
)
def test_whom_a_token_is_for(url: str, aud: str) -> None:
    assert vapid.audience(url) == aud


def test_what_a_session_shows() -> None:
    key = vapid.server_key(OWN)
    assert vapid.capability(key) == {"applicationServerKey": key}
    assert base64url.decode(key) == encrypting.public_point(OWN)


def test_fields() -> None:
    made = requesting.fields(60, encrypted=True, urgency="high", topic="abc", authorization="vapid t=x, k=y")
    assert made == {
        "Content-Type": "application/json",
        "Content-Encoding": "aes128gcm",
        "TTL": "60",
        "Urgency": "high",
        "Topic": "abc",
        "Authorization": "vapid t=x, k=y",
    }
    assert requesting.fields(0, encrypted=False) == {
        "Content-Type": "application/json",
        "TTL": "0",
        "Urgency": "normal",
    }


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (201, "taken"), (200, "taken"), (202, "taken"), (404, "gone"), (410, "gone"), (413, "too-large"),
        (429, "slower"), (500, "again"), (503, "again"), (408, "again"), (400, "refused"), (403, "refused"),
        (301, "refused"),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, means: str) -> None:
    assert requesting.meaning(status) == means


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("99999999999", float(requesting.RETRY_S_MAX)),
        ("Thu, 01 Jan 1970 00:17:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:10:00 GMT", 0.0),
        ("Thu, 01 Jan 2060 00:10:00 GMT", float(requesting.RETRY_S_MAX)),
        ("soon", None),
        ("", None),
        ("-3", None),
    ],
)
def test_how_long_to_wait(value: str, seconds: float | None) -> None:
    assert requesting.retry_after_s(value, 1000.0) == seconds
