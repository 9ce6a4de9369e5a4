"""What opens which service: each mechanism, asked by our own client side of it, with each kind of secret."""

import random
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest

from actors.directory import totp
from actors.directory.authorizations import AuthorizationSettings
from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.granting import challenge_of
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from gateway import login
from gateway.logins import UNCOUNTED
from mail import sasl
from mail.smtp.client.auth import Credentials, GaveUp, begin

ALICE = "alice@example.test"
SERVICES = ("imap", "smtp", "pop3")
VERIFIER = "v" * 43


class Site(NamedTuple):
    """A directory with alice; her secrets by name."""

    directory: DirectoryClient
    clock: ManualClock
    secrets: dict[str, str]

    async def try_in(self, service: str, mechanism: str, secret: str) -> tuple[login.Principal | None, bytes]:
        """Who gets in, if alice does, and the last challenge before that was told."""
        text = self.secrets[secret]
        token, password = (text, "") if secret.startswith("token") else ("", text)
        client = begin(
            mechanism, Credentials(user=ALICE, password=password, token=token), nonce="abc", host="h", port=143
        )
        server = login.Login(
            mechanism,
            self.directory,
            UNCOUNTED,
            service=service,
            pause_s=0.0,
            dice=random.Random(9),
            secret=b"s" * 16,
        )
        challenge = b""
        try:
            found = await server.step(next(client))
            while isinstance(found, bytes):
                challenge = found
                found = await server.step(client.send(found))
        except GaveUp:
            return None, challenge
        return None if isinstance(found, sasl.Failed | bytes) else found, challenge


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    clock = ManualClock()
    store = MemoryStore(clock=clock, dice=random.Random(1))
    own = AuthorizationSettings(issuer="https://mail.example.test")
    directory = DirectoryClient(store, clock, random.Random(2), DirectorySettings(authorization=own))
    await directory.add_domain("example.test")
    account = await directory.add_account(ALICE, "demo")
    given = directory.authorizations
    code = await given.new_code(account.id, "bird", "Bird", "x:/", challenge_of(VERIFIER), ("imap", "pop3"))
    tokens = await given.redeem("bird", code, "x:/", VERIFIER)
    assert tokens is not None
    secrets = {
        "password": "demo",
        "app password for imap": (await directory.add_app_password(ALICE, "phone", ["imap"])).password,
        "app password for smtp": (await directory.add_app_password(ALICE, "scanner", ["smtp"])).password,
        "token for imap and pop3": tokens.access,
        "token that is none": tokens.access[:-4] + "AAAA",
    }
    yield Site(directory, clock, secrets)
    directory.close()
    await store.close()


OPENS = {
    "password": SERVICES,
    "app password for imap": ("imap",),
    "app password for smtp": ("smtp",),
    "token for imap and pop3": ("imap", "pop3"),
    "token that is none": (),
}


@pytest.mark.parametrize("factor", [False, True], ids=["one factor", "two"])
async def test_what_opens_what(site: Site, factor: bool) -> None:
    if factor:
        key = site.directory.new_secret()
        await site.directory.add_second_factor(ALICE, key, totp.code_at(key, site.clock.now_ms() // 30_000))
    for secret, services in OPENS.items():
        ways = ("OAUTHBEARER", "XOAUTH2") if secret.startswith("token") else ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        for mechanism in ways:
            for service in SERVICES:
                found, _ = await site.try_in(service, mechanism, secret)
                wanted = service in services and not (factor and secret == "password")
                assert (found is not None) == wanted, (secret, mechanism, service)
                assert found is None or found.credential, mechanism
                assert found is None or await site.directory.stands(found.account, found.credential)


async def test_who_has_no_scope_is_told_which_and_where_to_get_it(site: Site) -> None:
    """RFC 7628 3.2.2."""
    is_in, told = await site.try_in("smtp", "OAUTHBEARER", "token for imap and pop3")
    assert not is_in
    assert msgspec.json.decode(told) == {
        "status": "invalid_token",
        "scope": "smtp",
        "openid-configuration": "https://mail.example.test/.well-known/oauth-authorization-server",
    }
    is_in, told = await site.try_in("smtp", "XOAUTH2", "token for imap and pop3")
    assert not is_in
    assert msgspec.json.decode(told) == {"status": "401", "schemes": "bearer", "scope": "smtp"}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_command_login_is_as_plain(site: Site, service: str) -> None:
    for secret, services in OPENS.items():
        if not secret.startswith("token"):
            found = await login.verify(
                site.directory, UNCOUNTED, ALICE, site.secrets[secret], service=service, pause_s=0.0
            )
            assert (found is not None) == (service in services), secret


async def test_a_revoked_app_password_opens_nothing(site: Site) -> None:
    await site.directory.remove_app_password(ALICE, "phone")
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        is_in, _ = await site.try_in("imap", mechanism, "app password for imap")
        assert not is_in
