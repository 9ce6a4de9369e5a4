"""Who sends, and to whom: the RFC's example, and what a session shows."""

import pytest

from mail.webpush import base64url, encrypting, vapid
from tests.unit.mail.webpush.vectors import TEXT
from tests.webpush import sender

OWN = encrypting.private_key(bytes(48))


def test_a_token() -> None:
    key = encrypting.private_key(bytes(range(48)))
    made = vapid.token(key, "https://push.example.net", 1453523768, "mailto:push@example.com")
    assert made.rpartition(".")[0] == TEXT["vapid.signed"]
    sent = sender(vapid.authorization(made, vapid.server_key(key)))
    assert sent.key == vapid.server_key(key)
    assert sent.claims == {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"}


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
