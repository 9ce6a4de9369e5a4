"""DKIM keys: made and taken in, their life from waiting to removed, and that private halves stay inside."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from actors.directory import keys
from actors.directory.client import DirectoryClient
from actors.directory.dkim import KEYS_MAX, BadKey, Material, generate
from actors.directory.types import DkimKey, DkimState
from cluster.clock import ManualClock
from cluster.errors import AlreadyExists, Corrupt, NotFound, Refused
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from mail.trust.dkim import verify
from mail.trust.dkim_sign import sign
from tests.unit.mail.trust.zone import run

DOMAIN = "example.test"
ED = "ed25519-sha256"


async def test_a_key_waits_signs_and_retires(directory: DirectoryClient, clock: ManualClock) -> None:
    first = await directory.add_dkim_key("Example.TEST", algorithm=ED)
    assert (first.domain, first.selector, first.state, first.bits) == (DOMAIN, "e20231114", DkimState.WAITING, 256)
    assert await directory.signing_keys(DOMAIN) == ()
    await directory.change_dkim_key(DOMAIN, first.selector, DkimState.ACTIVE)
    second = await directory.add_dkim_key(DOMAIN, algorithm=ED)
    assert second.selector == "e20231114-2"
    assert [key.selector for key in await directory.signing_keys(DOMAIN)] == [first.selector]  # goes on meanwhile
    clock.advance(60)
    await directory.change_dkim_key(DOMAIN, second.selector, DkimState.ACTIVE)
    assert [key.selector for key in await directory.signing_keys(DOMAIN)] == [second.selector]
    listed = await directory.list_dkim_keys(DOMAIN)
    assert [(key.selector, key.state) for key in listed] == [
        (first.selector, DkimState.RETIRED),
        (second.selector, DkimState.ACTIVE),
    ]
    assert listed[0].changed_ms == first.created_ms + 60_000


async def test_what_is_signed_verifies_with_the_record_that_is_told(directory: DirectoryClient) -> None:
    rsa = await directory.add_dkim_key(DOMAIN, algorithm="rsa-sha256", active=True)
    ed = await directory.add_dkim_key(DOMAIN, algorithm=ED, active=True)
    signing = await directory.signing_keys(DOMAIN)
    assert [key.algorithm for key in signing] == ["rsa-sha256", ED]
    message = b"From: a@example.test\r\n\r\nHello\r\n"
    zone = {f"{key.selector}._domainkey.{DOMAIN}": [key.record.encode()] for key in (rsa, ed)}
    assert [one.result for one in run(verify(sign(message, signing, 5) + message, 5), zone)] == ["pass", "pass"]
    assert rsa.bits == 2048


async def test_a_key_from_elsewhere(directory: DirectoryClient) -> None:
    key = Ed25519PrivateKey.generate()
    for name, encoding in (("Pem", Encoding.PEM), ("Der", Encoding.DER)):
        private = key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
        made = await directory.add_dkim_key(DOMAIN, private=private, selector=f"Given-{name}")
        assert made.selector == f"given-{name.lower()}"
    first, second = await directory.list_dkim_keys(DOMAIN)
    assert first.public == second.public


async def test_what_cannot_sign_is_refused(directory: DirectoryClient) -> None:
    curve = generate_curve(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    large = generate_private_key(65537, 1024).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert (await directory.add_dkim_key(DOMAIN, private=large)).bits == 1024
    for private in (curve, locked, b"rubbish", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(BadKey) as error:
            await directory.add_dkim_key(DOMAIN, private=private)
        assert private.decode("latin-1") not in str(error.value)
    for algorithm in ("", "rsa-sha1", "dsa"):
        with pytest.raises(BadKey):
            await directory.add_dkim_key(DOMAIN, algorithm=algorithm)
    for selector in ("a b", "ü", ".", "a..b", "-a", "a" * 101, "a._domainkey", "a\0b"):
        with pytest.raises(BadKey):
            await directory.add_dkim_key(DOMAIN, algorithm=ED, selector=selector)


async def test_names_that_are_not_there_or_are_taken(directory: DirectoryClient) -> None:
    await directory.add_dkim_key(DOMAIN, algorithm=ED, selector="s")
    with pytest.raises(AlreadyExists):
        await directory.add_dkim_key(DOMAIN, algorithm=ED, selector="S")
    with pytest.raises(NotFound):
        await directory.add_dkim_key("other.test", algorithm=ED)
    for selector in ("t", "ü"):
        with pytest.raises(NotFound):
            await directory.change_dkim_key(DOMAIN, selector, DkimState.ACTIVE)
    assert await directory.signing_keys("other.test") == ()


async def test_a_key_that_signs_is_not_removed(directory: DirectoryClient, store: MemoryStore) -> None:
    await directory.add_dkim_key(DOMAIN, algorithm=ED, selector="s", active=True)
    with pytest.raises(Refused, match="retire it first"):
        await directory.remove_dkim_key(DOMAIN, "s")
    await directory.change_dkim_key(DOMAIN, "s", DkimState.RETIRED)
    assert await directory.signing_keys(DOMAIN) == ()
    await directory.remove_dkim_key(DOMAIN, "S")
    assert await _rows(store) == []


async def test_there_is_a_largest_number_of_keys(directory: DirectoryClient) -> None:
    for _ in range(KEYS_MAX):
        await directory.add_dkim_key(DOMAIN, algorithm=ED)
    with pytest.raises(Refused, match="remove some"):
        await directory.add_dkim_key(DOMAIN, algorithm=ED)


async def test_rotation_makes_what_signs_anew_and_only_once(directory: DirectoryClient) -> None:
    both = await directory.rotate_dkim_keys(DOMAIN)
    assert [key.algorithm for key in both] == ["rsa-sha256", ED]
    assert await directory.rotate_dkim_keys(DOMAIN) == []
    for key in both:
        await directory.change_dkim_key(DOMAIN, key.selector, DkimState.ACTIVE)
    await directory.change_dkim_key(DOMAIN, both[0].selector, DkimState.RETIRED)
    (new,) = await directory.rotate_dkim_keys(DOMAIN)
    assert (new.algorithm, new.state) == (ED, DkimState.WAITING)


async def test_another_process_signs_with_the_new_key_at_once(
    directory: DirectoryClient, command_line: DirectoryClient, clock: ManualClock
) -> None:
    await command_line.add_dkim_key(DOMAIN, algorithm=ED, selector="a", active=True)
    assert [key.selector for key in await directory.signing_keys(DOMAIN)] == ["a"]
    kept = (await directory.signing_keys(DOMAIN))[0].key
    await command_line.add_dkim_key(DOMAIN, algorithm=ED, selector="b", active=True)
    clock.advance(0.6)
    assert [key.selector for key in await directory.signing_keys(DOMAIN)] == ["b"]
    await command_line.change_dkim_key(DOMAIN, "a", DkimState.ACTIVE)
    clock.advance(0.6)
    assert (await directory.signing_keys(DOMAIN))[0].key is kept  # parsed once


async def test_keys_go_with_their_domain(directory: DirectoryClient, store: MemoryStore) -> None:
    for force in (False, True):
        await directory.add_domain("other.test")
        await directory.add_dkim_key("other.test", algorithm=ED, active=True)
        await directory.remove_domain("other.test", force=force)
        assert await _rows(store) == []


async def test_a_private_half_is_in_nothing_that_is_told(directory: DirectoryClient, store: MemoryStore) -> None:
    key = await directory.add_dkim_key(DOMAIN, algorithm=ED, selector="s", active=True)
    private = await store.get(keys.dkim_private(DOMAIN, "s"))
    assert private is not None
    secret = private[-32:]
    record = await store.get(keys.dkim_key(DOMAIN, "s"))
    assert record is not None
    assert secret not in record
    material = generate(ED)
    for value in (key, material, (await directory.signing_keys(DOMAIN))[0]):
        assert secret.hex() not in repr(value)
        assert material.private.hex() not in repr(value)
        assert str(material.private) not in repr(value)
    assert not {"private", "key"} & set(DkimKey.__struct_fields__)
    assert Material.__repr__(material) == "Material('ed25519-sha256')"


async def test_a_damaged_private_half_is_told_as_such(directory: DirectoryClient, store: MemoryStore) -> None:
    await directory.add_dkim_key(DOMAIN, algorithm=ED, selector="s", active=True)

    async def damage(tx: Transaction) -> None:
        tx.set(keys.dkim_private(DOMAIN, "s"), b"rubbish")

    await store.transact(damage)
    with pytest.raises(Corrupt):
        await directory.signing_keys(DOMAIN)


async def _rows(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    return await store.range(b"dp", b"dq") + await store.range(b"ds", b"dt")
