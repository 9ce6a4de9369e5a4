"""Introspection: what makes a token valid, what is remembered, and an endpoint that does not serve."""

import random
from typing import Any

import msgspec
import pytest

from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.tokens import WAITING_MAX, OauthSettings, Said, Tokens
from cluster.clock import ManualClock
from cluster.errors import Misconfigured, Unavailable
from cluster.meta.memory import MemoryStore

NOW_S = 1_700_000_000
ENDPOINT = "https://id.example.test/introspect"


class Endpoint:
    """Answers with `claims`, and counts."""

    def __init__(self, **claims: Any) -> None:
        self.claims: Any = {"active": True, "username": "alice@example.test"} | claims
        self.asked: list[str] = []

    async def __call__(self, token: str) -> bytes:
        self.asked.append(token)
        return self.claims if isinstance(self.claims, bytes) else msgspec.json.encode(self.claims)


def tokens(endpoint: Endpoint, clock: ManualClock, **settings: Any) -> Tokens:
    return Tokens(OauthSettings(endpoint=ENDPOINT, **settings), clock, random.Random(1), endpoint)


async def name_of(asking: Tokens, token: str) -> str | None:
    said = await asking.said(token)
    return said.login if said is not None else None


@pytest.mark.parametrize(
    ("claims", "settings", "login"),
    [
        ({}, {}, "alice@example.test"),
        ({"active": False}, {}, None),
        ({"active": "true"}, {}, None),
        ({"active": 1}, {}, None),
        ({"username": ""}, {}, None),
        ({"username": None}, {}, None),
        ({"username": "x" * 321}, {}, None),
        ({"email": "bob@example.test"}, {"login_claim": "email"}, "bob@example.test"),
        ({"exp": NOW_S + 1, "nbf": NOW_S}, {}, "alice@example.test"),
        ({"exp": NOW_S}, {}, None),
        ({"exp": "never"}, {}, None),
        ({"exp": None}, {}, None),
        ({"exp": 1e308}, {}, "alice@example.test"),
        ({"nbf": NOW_S + 1}, {}, None),
        ({"aud": "mail"}, {"audience": "mail"}, "alice@example.test"),
        ({"aud": ["web", "mail"]}, {"audience": "mail"}, "alice@example.test"),
        ({"aud": "email"}, {"audience": "mail"}, None),
        ({}, {"audience": "mail"}, None),
        ({"scope": "openid smtp imap"}, {"scope": "imap"}, "alice@example.test"),
        ({"scope": "imaps"}, {"scope": "imap"}, None),
        ({}, {"scope": "imap"}, None),
    ],
)
async def test_valid(claims: dict[str, Any], settings: dict[str, Any], login: str | None) -> None:
    assert await name_of(tokens(Endpoint(**claims), ManualClock(), **settings), "t") == login


@pytest.mark.parametrize("answer", [b"", b"[]", b"\xff", b"[" * 100_000, b"null", b"<html>"])
async def test_an_answer_that_is_none_is_told_as_such(answer: bytes) -> None:
    endpoint = Endpoint()
    endpoint.claims = answer
    with pytest.raises(Unavailable, match="introspection endpoint does not serve"):
        await tokens(endpoint, ManualClock()).said("secret")


async def test_a_valid_token_is_remembered_until_it_expires_and_a_wrong_one_is_not() -> None:
    clock, endpoint = ManualClock(), Endpoint(exp=NOW_S + 30)
    asking = tokens(endpoint, clock, remembered_s=60)
    for _ in range(2):
        assert await asking.said("good") == Said("alice@example.test", "", frozenset(), (NOW_S + 30) * 1000)
    assert endpoint.asked == ["good"]
    clock.ms += 30_000
    assert await asking.said("good") is None
    endpoint.claims = {"active": False}
    assert await asking.said("bad") is None
    assert await asking.said("bad") is None
    assert endpoint.asked == ["good", "good", "bad", "bad"]


async def test_questions_at_once_are_bounded() -> None:
    asking = tokens(Endpoint(), ManualClock())
    asking._waiting = WAITING_MAX
    with pytest.raises(Unavailable, match="Too many"):
        await asking.said("t")


@pytest.mark.parametrize("url", ["http://id.example.test/", "ftp://localhost/", "https:///x", "localhost", "http://"])
def test_an_endpoint_that_others_could_hear_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"directory\.oauth\.endpoint"):
        Tokens(OauthSettings(endpoint=url), ManualClock(), random.Random(1))


@pytest.mark.parametrize(
    "url", ["https://id.example.test/", "http://localhost:8/", "http://127.0.0.2/", "http://[::1]/"]
)
def test_an_endpoint_that_serves(url: str) -> None:
    Tokens(OauthSettings(endpoint=url), ManualClock(), random.Random(1))


async def test_the_directory_compares_the_tokens_account_with_the_login() -> None:
    clock, endpoint = ManualClock(), Endpoint()
    store = MemoryStore(clock=clock, dice=random.Random(1))
    settings = DirectorySettings(
        default_domain="example.test", oauth=OauthSettings(endpoint=ENDPOINT, remembered_s=0, scope="")
    )
    directory = DirectoryClient(store, clock, random.Random(2), settings, introspect=endpoint)
    await directory.add_domain("example.test")
    account = await directory.add_account("alice@example.test", "demo")
    await directory.add_account("bob@example.test", "demo")
    for login in ("", "alice", "alice@example.test"):
        found = await directory.token(login, "t")
        assert found is not None
        assert found.account == account.id
    for login in ("bob@example.test", "nobody@example.test"):
        assert await directory.token(login, "t") is None
    await directory.set_disabled("alice@example.test", True)
    assert await directory.token("", "t") is None
    directory.close()
    await store.close()


@pytest.mark.parametrize(
    ("scope", "services"),
    [
        ("openid mail", ("imap", "smtp", "jmap")),
        ("administrator", ("imap", "smtp", "jmap")),
        ("mail admin", ("imap", "smtp", "jmap", "admin")),
        (None, ("imap", "smtp", "jmap")),
        (" ".join(f"s{number}" for number in range(100)) + " admin", ("imap", "smtp", "jmap")),
    ],
)
async def test_a_token_of_another_server_opens_what_is_no_mail_only_by_its_own_scope(
    scope: str | None, services: tuple[str, ...]
) -> None:
    clock, endpoint = ManualClock(), Endpoint(scope=scope)
    store = MemoryStore(clock=clock, dice=random.Random(1))
    settings = DirectorySettings(oauth=OauthSettings(endpoint=ENDPOINT))
    directory = DirectoryClient(store, clock, random.Random(2), settings, introspect=endpoint)
    await directory.add_domain("example.test")
    await directory.add_account("alice@example.test", "demo")
    for _ in range(2):  # asked, and remembered
        opened = [name for name in ("imap", "smtp", "jmap", "admin") if await directory.token("", "t", name)]
        assert tuple(opened) == services
    assert endpoint.asked == ["t"]
    directory.close()
    await store.close()


async def test_without_an_endpoint_no_token_is_taken(directory: DirectoryClient) -> None:
    assert not directory.takes_tokens
    assert await directory.token("alice@example.test", "t") is None
