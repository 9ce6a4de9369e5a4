"""Which mail is signed, with whose keys, and that what cannot be signed leaves all the same."""

import random
import threading
from collections.abc import AsyncIterator

import pytest

from actors.directory.client import DirectoryClient
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from gateway.trust.signing import THREADED_FROM_BYTES, Signer, SigningSettings, author_domain
from mail.trust.dkim import DkimResult, verify
from mail.trust.dkim_sign import SigningKey, sign
from tests.unit.mail.trust.zone import run

DOMAIN = "example.test"
MESSAGE = b"From: A <a@Example.TEST>\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.fixture
async def directory() -> AsyncIterator[DirectoryClient]:
    clock = ManualClock()
    store = MemoryStore(clock=clock, dice=random.Random(1))
    client = DirectoryClient(store, clock, random.Random(2))
    await client.add_domain(DOMAIN)
    await client.add_domain("bücher.test")
    for name in (DOMAIN, "bücher.test"):
        await client.add_dkim_key(name, algorithm="ed25519-sha256", active=True)
    yield client
    client.close()
    await store.close()


def _signer(directory: DirectoryClient, settings: SigningSettings | None = None) -> Signer:
    return Signer(directory, ManualClock(), settings or SigningSettings())


async def _verified(directory: DirectoryClient, message: bytes) -> list[DkimResult]:
    zone = {
        f"{key.selector}._domainkey.{key.domain}": [key.record.encode()]
        for name in (DOMAIN, "bücher.test")
        for key in await directory.list_dkim_keys(name)
    }
    return list(run(verify(message, ManualClock().now_ms() // 1000), zone))


async def test_mail_of_a_domain_of_ours_is_signed(directory: DirectoryClient) -> None:
    (found,) = await _verified(directory, await _signer(directory).sign(MESSAGE) + MESSAGE)
    assert (found.result, found.domain, found.algorithm) == ("pass", DOMAIN, "ed25519-sha256")


async def test_a_rule_may_say_whose_keys_sign(directory: DirectoryClient) -> None:
    (found,) = await _verified(directory, await _signer(directory).sign(MESSAGE, "Bücher.test") + MESSAGE)
    assert (found.result, found.domain) == ("pass", "xn--bcher-kva.test")


async def test_settings_count(directory: DirectoryClient) -> None:
    settings = SigningSettings(headers=("Subject",), oversigned=(), body_form="simple", expire_days=1)
    field = await _signer(directory, settings).sign(MESSAGE)
    assert b"h=From:From:Subject;" in field
    assert b"c=relaxed/simple" in field
    assert b"x=1700086400" in field
    assert await _signer(directory, SigningSettings(enabled=False)).sign(MESSAGE) == b""


@pytest.mark.parametrize(
    ("head", "domain"),
    [
        (b"From: a@Example.test", "example.test"),
        (b"From: a@example.test, b@EXAMPLE.test", "example.test"),
        (b"From: a@example.test, b@other.test", ""),
        (b"From: a@example.test\r\nFrom: b@other.test", ""),
        (b"From: \xc3\xa4@b\xc3\xbccher.test", "xn--bcher-kva.test"),
        (b"From: a@[127.0.0.1]", ""),
        (b"From: a", ""),
        (b"From: " + b"(" * 100_000, ""),
        (b"To: a@example.test", ""),
        (b"", ""),
    ],
)
def test_whose_mail_it_is(head: bytes, domain: str) -> None:
    assert author_domain(head + b"\r\n\r\nFrom: c@d.test\r\n") == domain


async def test_what_is_not_ours_or_cannot_be_signed_leaves_unsigned(directory: DirectoryClient) -> None:
    signer = _signer(directory)
    assert await signer.sign(MESSAGE.replace(b"Example.TEST", b"other.test")) == b""
    assert await signer.sign(MESSAGE, "no domain") == b""

    class Away:
        async def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
            raise Unavailable(f"Not now: {domain}.")

    assert await Signer(Away(), ManualClock(), SigningSettings()).sign(MESSAGE) == b""


async def test_large_mail_is_signed_in_a_thread(directory: DirectoryClient, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    real = sign

    def noting(*arguments: object, **settings: object) -> bytes:
        threads.append(threading.current_thread())
        return real(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr("gateway.trust.signing.sign", noting)
    large = MESSAGE + b"x" * THREADED_FROM_BYTES
    assert [one.result for one in await _verified(directory, await _signer(directory).sign(large) + large)] == ["pass"]
    await _signer(directory).sign(MESSAGE)
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()
