"""Stored records: what is written reads back; what is damaged or newer is Corrupt."""

import random

import pytest

from actors.directory import keys, rows
from actors.directory.addresses import Address
from actors.directory.types import Account, Domain, Rewrite
from cluster.clock import ManualClock
from cluster.errors import Corrupt
from cluster.meta.memory import MemoryStore
from cluster.meta.store import KEY_BYTES_MAX, Transaction

DOMAIN = Domain("a.test", rewrites=(Rewrite("a", "b@c.test"),))


async def test_a_record_reads_back() -> None:
    store = MemoryStore(clock=ManualClock(), dice=random.Random(1))

    async def write(tx: Transaction) -> None:
        rows.put_domain(tx, DOMAIN)

    await store.transact(write)
    assert await rows.domain(store, "a.test") == DOMAIN


@pytest.mark.parametrize("value", [b"", b"\x02\x80", b"\x01", b"\x01\x80", b"\x01\x81\xa4name\x05"])
def test_what_is_not_understood_is_corrupt(value: bytes) -> None:
    with pytest.raises(Corrupt):
        rows.decode(value, Account)


def test_a_record_with_a_field_of_a_later_version_is_read() -> None:
    assert rows.decode(b"\x01\x82\xa4name\xa6a.test\xa5later\x01", Domain) == Domain("a.test")


def test_keys_fit_every_store_and_read_back() -> None:
    address = Address("x" * 64, "d" * 253)
    made = [keys.entry(address), keys.login(address), keys.listed(keys.LOGINS, address), keys.account(2**63 - 1)]
    assert max(map(len, made)) <= KEY_BYTES_MAX
    assert keys.entry_address(made[0]) == keys.listed_address(made[2]) == address
    assert keys.account_of(keys.account_value(2**63 - 1)) == 2**63 - 1
