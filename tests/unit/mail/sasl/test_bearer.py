"""The examples of RFC 7628 4 and of Google's XOAUTH2, the refusal in two steps, and tokens that are none."""

import msgspec
import pytest

from mail.sasl import Challenge, Done, Failed, NeedToken, begin
from mail.sasl.steps import Exchange

_TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
_AUTH = f"auth=Bearer {_TOKEN}"


def start(name: str) -> Exchange:
    return begin(name, nonce="n", secret=b"s" * 16, scope="mail")


@pytest.mark.parametrize(
    ("name", "message", "user"),
    [
        (
            "OAUTHBEARER",
            f"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01{_AUTH}\x01\x01",
            "user@example.com",
        ),
        ("OAUTHBEARER", f"n,a=a=2Cb=3Dc,\x01{_AUTH}\x01\x01", "a,b=c"),
        ("OAUTHBEARER", f"y,,\x01auth=bearer  {_TOKEN} \x01\x01", ""),
        ("XOAUTH2", f"user=user@example.com\x01{_AUTH}\x01\x01", "user@example.com"),
    ],
)
def test_a_token_is_asked_about_and_taken(name: str, message: str, user: str) -> None:
    exchange = start(name)
    assert exchange.step(b"") == Challenge(b"")
    question = exchange.step(message.encode())
    assert question == NeedToken(user, _TOKEN)
    assert _TOKEN not in repr(question)
    assert exchange.answer(True) == Done(user, "")


@pytest.mark.parametrize(
    ("name", "message", "error", "answer"),
    [
        ("OAUTHBEARER", f"n,a=u,\x01{_AUTH}\x01\x01", {"status": "invalid_token", "scope": "mail"}, b"\x01"),
        ("XOAUTH2", f"user=u\x01{_AUTH}\x01\x01", {"status": "401", "schemes": "bearer", "scope": "mail"}, b""),
    ],
)
def test_a_refusal_is_a_challenge_and_then_the_failure(
    name: str, message: str, error: dict[str, str], answer: bytes
) -> None:
    exchange = start(name)
    exchange.step(message.encode())
    step = exchange.answer(False)
    assert isinstance(step, Challenge)
    assert msgspec.json.decode(step.data) == error
    assert exchange.step(answer) == Failed("token is not valid", "u")


@pytest.mark.parametrize("auth", ["auth=", "auth=Basic x", "auth=Bearer", "auth=Bearer a b", "auth=Bearer é"])
def test_without_a_token_it_is_told_what_is_needed(auth: str) -> None:
    exchange = start("OAUTHBEARER")
    step = exchange.step(f"n,,\x01{auth}\x01\x01".encode())
    assert isinstance(step, Challenge)
    assert isinstance(exchange.step(message := f"n,,\x01{_AUTH}\x01\x01".encode()), Failed), message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OAUTHBEARER", "\x01"),
        ("OAUTHBEARER", f"n,a=u,\x01{_AUTH}\x01"),
        ("OAUTHBEARER", f"p=tls-unique,,\x01{_AUTH}\x01\x01"),
        ("OAUTHBEARER", f"n,,\x01{_AUTH}\x01{_AUTH}\x01\x01"),
        ("OAUTHBEARER", "n,,\x01\x01"),
        ("OAUTHBEARER", f"n,a=a=b,\x01{_AUTH}\x01\x01"),
        ("OAUTHBEARER", f"n,,\x01auth=Bearer {'x' * 10_000}\x01\x01"),
        ("XOAUTH2", f"user=\x01{_AUTH}\x01\x01"),
        ("XOAUTH2", f"user=a\u0007\x01{_AUTH}\x01\x01"),
        ("XOAUTH2", f"{_AUTH}\x01\x01"),
        ("XOAUTH2", ""),
    ],
)
def test_what_cannot_be_read_fails_at_once(name: str, message: str) -> None:
    exchange = start(name)
    exchange.step(b"")
    assert isinstance(exchange.step(message.encode()), Failed)


def test_a_token_too_long_is_not_asked_about() -> None:
    exchange = start("OAUTHBEARER")
    assert isinstance(exchange.step(f"n,,\x01auth=Bearer {'x' * 8193}\x01\x01".encode()), Challenge)
