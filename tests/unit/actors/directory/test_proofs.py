"""App passwords and second factors: what lets in where, what is kept, and what an account without them has."""

import base64
import random
from dataclasses import dataclass

import pytest

from actors.directory import keys, opaque, totp
from actors.directory.client import DirectoryClient
from actors.directory.proofs import APP_PASSWORDS_MAX
from actors.directory.scopes import MAIL, OFFLINE, SERVICES, asked, covers, services
from cluster.clock import ManualClock
from cluster.errors import AlreadyExists, NotFound, Refused
from cluster.meta.memory import MemoryStore
from mail import sasl

ALICE = "alice@example.test"


async def with_app(directory: DirectoryClient, clock: ManualClock) -> tuple[bytes, list[str]]:
    """Alice has an authenticator app now; its secret, and the recovery codes."""
    secret = directory.new_secret()
    code = totp.code_at(secret, clock.now_ms() // 30_000)
    return secret, await directory.add_second_factor(ALICE, secret, code)


def client_proof(keys: sasl.ScramAny, password: str) -> bool:
    """Whether any of the keys is that of a password, as a SCRAM client has it."""
    return any(sasl.derive_scram(password, one.salt, one.iterations) == one for one in keys.keys)


async def test_an_app_password_is_for_its_services_alone(directory: DirectoryClient) -> None:
    made = await directory.add_app_password(ALICE, " Thunderbird  at home ", ["smtp", "imap"])
    assert made.kept.label == "Thunderbird at home"
    assert made.kept.services == ("imap", "smtp")
    for service in (*SERVICES, ""):
        found = await directory.verify(ALICE, made.password, service)
        assert (found is not None) == (service in ("imap", "smtp")), service
        assert await directory.verify(ALICE, "demo", service) is not None
    assert await directory.prove(ALICE, made.password) is None  # it opens no page


async def test_it_may_be_typed_without_its_dashes_and_in_capitals(directory: DirectoryClient) -> None:
    password = (await directory.add_app_password(ALICE, "phone")).password
    for typed in (password.replace("-", ""), password.upper(), password.replace("-", " ")):
        assert await directory.verify(ALICE, typed, "imap")
    for wrong in (password[:-1], password + "a", "", "\ud800"):
        assert await directory.verify(ALICE, wrong, "imap") is None


async def test_it_is_one_accounts(directory: DirectoryClient) -> None:
    await directory.add_account("bob@example.test", "demo")
    password = (await directory.add_app_password(ALICE, "phone")).password
    assert await directory.verify("bob@example.test", password, "imap") is None


async def test_it_is_listed_revoked_and_gone_everywhere(
    directory: DirectoryClient, command_line: DirectoryClient, clock: ManualClock
) -> None:
    one = await directory.add_app_password(ALICE, "one")
    two = await directory.add_app_password(ALICE, "two")
    assert [kept.label for kept in await directory.list_app_passwords(ALICE)] == sorted(
        ["one", "two"], key=lambda label: (one if label == "one" else two).kept.id
    )
    assert await command_line.verify(ALICE, one.password, "imap")
    await directory.remove_app_password(ALICE, "one")
    await directory.remove_app_password(ALICE, two.kept.id.hex())
    clock.advance(0.6)
    for made in (one, two):
        assert await directory.verify(ALICE, made.password, "imap") is None
        assert await command_line.verify(ALICE, made.password, "imap") is None
    with pytest.raises(NotFound):
        await directory.remove_app_password(ALICE, "one")


async def test_when_it_was_used_is_known_to_the_day(directory: DirectoryClient, clock: ManualClock) -> None:
    password = (await directory.add_app_password(ALICE, "phone")).password
    assert (await directory.list_app_passwords(ALICE))[0].used_ms == 0
    clock.ms = 20_000 * 86_400_000 + 5_000
    for _ in range(2):
        assert await directory.verify(ALICE, password, "imap")
    assert (await directory.list_app_passwords(ALICE))[0].used_ms == 20_000 * 86_400_000
    clock.advance(86_400)
    assert await directory.verify(ALICE, password, "imap")
    assert (await directory.list_app_passwords(ALICE))[0].used_ms == 20_001 * 86_400_000


async def test_bounds(directory: DirectoryClient) -> None:
    for label in ("", " ", "x" * 65, "a\x07b"):
        with pytest.raises(Refused):
            await directory.add_app_password(ALICE, label)
    for wanted in ([], ["imap", "nntp"], [OFFLINE]):
        with pytest.raises(Refused):
            await directory.add_app_password(ALICE, "phone", wanted)
    for number in range(APP_PASSWORDS_MAX):
        await directory.add_app_password(ALICE, f"number {number}")
    with pytest.raises(Refused):
        await directory.add_app_password(ALICE, "one more")
    await directory.remove_app_password(ALICE, "number 0")
    with pytest.raises(AlreadyExists):
        await directory.add_app_password(ALICE, "number 1")


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    directory: DirectoryClient, clock: ManualClock
) -> None:
    password = (await directory.add_app_password(ALICE, "phone", ["imap"])).password
    await with_app(directory, clock)
    assert await directory.verify(ALICE, "demo", "imap") is None
    assert await directory.verify(ALICE, password, "imap") is not None
    proven = await directory.prove(ALICE, "demo")
    assert proven is not None
    assert proven.needs_code
    imap = await directory.scram(ALICE, "imap")
    assert imap is not None
    assert client_proof(imap, password)
    assert not client_proof(imap, "demo")
    assert await directory.scram(ALICE, "smtp") is None
    await directory.remove_second_factor(ALICE)
    assert await directory.verify(ALICE, "demo", "imap") is not None


async def test_scram_takes_all_passwords_also_after_another_was_set(directory: DirectoryClient) -> None:
    password = (await directory.add_app_password(ALICE, "phone")).password
    await directory.set_password(ALICE, "other")
    keys = await directory.scram(ALICE, "imap")
    assert keys is not None
    assert [client_proof(keys, text) for text in ("other", password, "demo")] == [True, True, False]
    assert await directory.verify(ALICE, password, "imap")


async def test_a_code_is_taken_once(directory: DirectoryClient, clock: ManualClock) -> None:
    account = (await directory.get_account(ALICE)).id
    assert await directory.take_code(account, "")  # none is needed
    secret, recovery = await with_app(directory, clock)
    step = clock.now_ms() // 30_000
    assert not await directory.take_code(account, totp.code_at(secret, step))  # it was used to begin with
    assert not await directory.take_code(account, "")
    assert await directory.take_code(account, totp.code_at(secret, step + 1))
    assert not await directory.take_code(account, totp.code_at(secret, step + 1))
    assert await directory.take_code(account, recovery[3].upper())
    assert not await directory.take_code(account, recovery[3])
    assert await directory.take_code(account, recovery[0].replace("-", ""))
    factor = await directory.second_factor(ALICE)
    assert factor is not None
    assert factor.recovery_left == totp.RECOVERY_CODES - 2


async def test_an_app_has_to_show_that_it_is_right(directory: DirectoryClient, clock: ManualClock) -> None:
    for code in ("", "000000", "abc"):
        with pytest.raises(Refused, match="code is wrong"):
            await directory.add_second_factor(ALICE, b"12345678901234567890", code)
    assert await directory.second_factor(ALICE) is None
    await with_app(directory, clock)
    with pytest.raises(AlreadyExists):
        await with_app(directory, clock)
    await directory.remove_second_factor(ALICE)
    with pytest.raises(NotFound):
        await directory.remove_second_factor(ALICE)


async def test_nobody_logs_in_to_a_shared_account(directory: DirectoryClient) -> None:
    await directory.add_shared_account("team@example.test")
    with pytest.raises((Refused, NotFound)):
        await directory.add_app_password("team@example.test", "phone")
    secret = directory.new_secret()
    with pytest.raises(Refused, match="shared"):
        await directory.add_second_factor("team@example.test", secret, "000000")


async def test_all_goes_with_the_account(directory: DirectoryClient, store: MemoryStore, clock: ManualClock) -> None:
    account = (await directory.get_account(ALICE)).id
    await directory.add_app_password(ALICE, "phone")
    await with_app(directory, clock)
    assert len(await store.range(*keys.proofs(account))) == 2
    await directory.remove_account(ALICE)
    assert await store.range(*keys.proofs(account)) == []


async def test_no_secret_is_kept_or_shown(directory: DirectoryClient, store: MemoryStore, clock: ManualClock) -> None:
    made = await directory.add_app_password(ALICE, "phone")
    _, recovery = await with_app(directory, clock)
    account = (await directory.get_account(ALICE)).id
    rows = b"".join(value for _, value in await store.range(*keys.proofs(account)))
    for text in (made.password, *recovery):
        assert text.encode() not in rows
        assert base64.b32decode(text.replace("-", "").upper() + "=" * (-len(text.replace("-", "")) % 8)) not in rows
    assert made.password not in repr(made)


@pytest.mark.parametrize("number", [0, 1, 255, 256, 2**63 - 1, 0x7FFF_FFFF_FFFF_FFFF, 0x00FF_FFFF_FFFF_FFFF])
def test_the_rows_of_one_account_are_no_others(number: int) -> None:
    begin, end = keys.proofs(number)
    for inside in (keys.second_factor(number), keys.app_password(number, b"\xff" * 8), keys.grant(number, b"\xff" * 8)):
        assert begin <= inside < end
    for outside in (keys.second_factor(number + 1), keys.second_factor(max(number - 1, 0)) if number else b"d"):
        assert not begin <= outside < end
    assert keys.grants(number)[0] <= keys.grant(number, b"\xff" * 8) < keys.grants(number)[1]
    assert not keys.app_passwords(number)[0] <= keys.code(number, bytes(8)) < keys.app_passwords(number)[1]


@dataclass
class Case:
    asked: str
    known: tuple[str, ...]
    services: tuple[str, ...]


@pytest.mark.parametrize(
    "case",
    [
        Case("", (), ()),
        Case("imap", ("imap",), ("imap",)),
        Case("smtp imap smtp profile", ("imap", "smtp"), ("imap", "smtp")),
        Case(f"{OFFLINE} {MAIL}", (MAIL, OFFLINE), SERVICES),
        Case("IMAP", (), ()),
        Case("imap " * 300, (), ()),
    ],
)
def test_scopes(case: Case) -> None:
    assert asked(case.asked) == case.known
    assert services(case.known) == case.services
    assert not covers(case.known, "")
    assert not covers((*case.known, OFFLINE), OFFLINE)


def test_secrets_are_spelled_and_read() -> None:
    dice = random.Random(1)
    for kind, size in ((opaque.Kind.ACCESS, 24), (opaque.Kind.CODE, 24), (opaque.Kind.REFRESH, 48)):
        given = opaque.Opaque(kind, dice.getrandbits(63), dice.randbytes(8), dice.randbytes(size))
        text = given.text()
        assert opaque.read(text, kind) == given
        assert text not in repr(given)
        for other in opaque.Kind:
            assert other is kind or opaque.read(text, other) is None
        for wrong in (text[:-1], text + "A", text + "=", text.replace("rk", "RK"), "", text[:10] + "é" + text[11:]):
            assert opaque.read(wrong, kind) is None
