"""The RFCs' own examples."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from mail.webpush import base64url, coding, encrypting, vapid
from tests.webpush import Agent, sender

LINES = (Path(__file__).parent / "vectors.txt").read_text().splitlines()
TEXT = dict(line.split() for line in LINES if line and not line.startswith("#"))


def value(name: str) -> bytes:
    return base64url.decode(TEXT[name])


def number(name: str) -> int:
    return int.from_bytes(value(name), "big")


def test_one_record() -> None:
    assert coding.encrypt(b"I am the walrus", value("walrus.secret"), value("walrus.salt")) == value("walrus.body")


def test_a_push_message() -> None:
    own = ec.derive_private_key(number("push.server.private"), ec.SECP256R1())
    assert encrypting.public_point(own) == value("push.server.public")
    to = encrypting.keys(TEXT["push.agent.public"], TEXT["push.agent.auth"])
    assert encrypting.encrypted(value("push.plain"), to, value("push.salt"), own) == value("push.body")


def test_the_agent_of_the_tests_reads_it() -> None:
    agent = Agent(number("push.agent.private"), value("push.agent.auth"))
    assert agent.read(value("push.body")) == value("push.plain") == b"When I grow up, I want to be a watermelon"


def test_a_token() -> None:
    key = encrypting.private_key(bytes(range(48)))
    made = vapid.token(key, "https://push.example.net", 1453523768, "mailto:push@example.com")
    assert made.rpartition(".")[0] == TEXT["vapid.signed"]
    sent = sender(vapid.authorization(made, vapid.server_key(key)))
    assert sent.key == vapid.server_key(key)
    assert sent.claims == {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"}
