"""The life of a PushSubscription."""

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from mail.jmap import subscriptions as subs
from mail.jmap.subscriptions import Asked, Invalid, Subscription
from tests.webpush import Agent

NOW = 1_700_000_000_000
DAY = 86_400_000
KEYS = Agent(3).keys
URL = "https://push.example.net/p/1"
ASKED = Asked("device", URL, (KEYS["p256dh"], KEYS["auth"]), None, ["Email", "Mailbox", "Email"])


def made(asked: Asked = ASKED, until_ms: int = 0) -> Subscription:
    return subs.made(asked, "P1", NOW, bytes(range(24)), server_key="K", credential="c", until_ms=until_ms)


def of(name: str) -> Callable[[Invalid], bool]:
    return lambda error: error.name == name


def test_a_new_one_waits_for_its_code() -> None:
    new = made()
    assert not new.verified
    assert not new.live(NOW)
    assert len(new.code) == 32
    assert new.types == ("Email", "Mailbox")
    assert new.wanted == frozenset({"Email", "Mailbox"})
    assert new.keys is not None


def test_the_code_is_told_once() -> None:
    new = made()
    for wrong in ("", new.code[:-1], new.code + "=", "\u00e4"):
        with pytest.raises(Invalid, check=of("verificationCode")):
            subs.told_code(new, wrong)
    verified = subs.told_code(new, new.code)
    assert verified.live(NOW)
    assert verified.told == new.code
    with pytest.raises(Invalid):
        subs.told_code(verified, "")


def test_one_of_before_codes_were_kept_is_read() -> None:
    old = msgspec.msgpack.decode(subs.encode(made()))[:-1]
    assert subs.decode(msgspec.msgpack.encode(old)) == made()


@pytest.mark.parametrize(
    ("asked_ms", "until_ms", "ends_ms"),
    [
        (None, 0, NOW + subs.LIFE_MS_MAX),
        (NOW + 1, 0, NOW + 1),
        (NOW + 100 * DAY, 0, NOW + subs.LIFE_MS_MAX),
        (None, NOW + 99 * DAY, NOW + 99 * DAY),
        (NOW + 50 * DAY, NOW + 99 * DAY, NOW + 50 * DAY),
        (NOW + 100 * DAY, NOW + 99 * DAY, NOW + 99 * DAY),
    ],
)
def test_when_it_ends(asked_ms: int | None, until_ms: int, ends_ms: int) -> None:
    assert made(ASKED._replace(expires_ms=asked_ms), until_ms).expires_ms == ends_ms
    assert subs.extended(made(), asked_ms, NOW, until_ms).expires_ms == ends_ms


def test_its_longest_life_is_the_standards() -> None:
    assert subs.LIFE_MS_MAX >= 7 * DAY  # RFC 8620 7.2


def test_it_has_ended_at_its_end() -> None:
    verified = replace(made(), code="", expires_ms=NOW + 5)
    assert verified.live(NOW + 4)
    assert not verified.live(NOW + 5)
    with pytest.raises(Invalid, check=of("expires")):
        subs.extended(verified, NOW, NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.net/", "push.example.net", "https://", "https:///p", "HTTPS://push.example.net/",
        "https://me@push.example.net/", "https://me:x@push.example.net/", "https://push.example.net/#a",
        "https://push.example.net/a b", "https://push.example.net/\r\nX: y", "https://push.example.net:x/",
        "https://push.example.net:99999/", "https://[::1/", "https://p\u00fcsh.example.net/",
        "https://push.example.net/" + "x" * 2000, "https://push.example.net\\@other/",
    ],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(Invalid, check=of("url")):
        made(ASKED._replace(url=url))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (ASKED._replace(device=""), "deviceClientId"),
        (ASKED._replace(device="x" * 256), "deviceClientId"),
        (ASKED._replace(keys=("", "")), "keys"),
        (ASKED._replace(keys=(KEYS["p256dh"], "AA")), "keys"),
        (ASKED._replace(types=["Email"] * 101), "types"),
        (ASKED._replace(types=["E" * 256]), "types"),
    ],
)
def test_what_else_cannot_be(asked: Asked, name: str) -> None:
    with pytest.raises(Invalid) as raised:
        made(asked)
    assert raised.value.name == name


def test_without_keys_and_types() -> None:
    bare = made(ASKED._replace(keys=None, types=None))
    assert bare.keys is None
    assert bare.wanted is None


def test_it_is_kept() -> None:
    new = made()
    assert subs.decode(subs.encode(new)) == new
    assert subs.decode(subs.encode(replace(new, version=2))) is None
    assert subs.decode(b"") is None
    assert subs.decode(msgspec.msgpack.encode(["x"])) is None


def test_what_an_older_version_has_written_is_read() -> None:
    row: list[object] = msgspec.msgpack.decode(subs.encode(made()))
    assert subs.decode(msgspec.msgpack.encode(row[:-1])) == made()
    assert subs.decode(msgspec.msgpack.encode([*row, "newer"])) == made()
