"""Messages that only their user agent reads: the RFC's example, any, and keys that are none."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from mail.webpush import base64url, encrypting
from tests.unit.mail.webpush.vectors import TEXT, number, value
from tests.webpush import Agent

OWN = encrypting.private_key(bytes(48))
GOOD = Agent(7).keys


def test_a_push_message() -> None:
    own = ec.derive_private_key(number("push.server.private"), ec.SECP256R1())
    assert encrypting.public_point(own) == value("push.server.public")
    to = encrypting.keys(TEXT["push.agent.public"], TEXT["push.agent.auth"])
    assert encrypting.encrypted(value("push.plain"), to, value("push.salt"), own) == value("push.body")


def test_the_agent_of_the_tests_reads_it() -> None:
    agent = Agent(number("push.agent.private"), value("push.agent.auth"))
    assert agent.read(value("push.body")) == value("push.plain") == b"When I grow up, I want to be a watermelon"


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
