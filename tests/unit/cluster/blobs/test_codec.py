"""Packing: what comes back is what was packed, also when many threads pack at once."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.blobs.codec import DICTIONARY_USED_BELOW_BYTES, pack, unpack


@pytest.mark.parametrize("size", [0, 1, 100, DICTIONARY_USED_BELOW_BYTES - 1, DICTIONARY_USED_BELOW_BYTES, 300_000])
def test_what_was_packed_comes_back(size: int) -> None:
    for data in (b"a" * size, random.Random(size).randbytes(size)):
        assert unpack(pack(data)) == data
        assert len(pack(data)) <= size + 1


def test_threads_do_not_spoil_each_others_output() -> None:
    """Compression drops the interpreter's lock, so two calls on one context would run at once."""
    dice = random.Random(1)
    messages = [dice.randbytes(200) * dice.randint(500, 5000) for _ in range(60)]

    def there_and_back(data: bytes) -> bool:
        return unpack(pack(data)) == data

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, messages * 4))
