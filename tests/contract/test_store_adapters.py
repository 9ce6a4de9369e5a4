"""Which stores the contract suites run over here; of the others, one line each says why not."""

from pathlib import Path

import pytest

from tests.contract.adapters import STORES, Adapter
from tests.contract.asking import put


@pytest.mark.parametrize("adapter", [pytest.param(each, id=each.name, marks=each.marks) for each in STORES])
async def test_the_contract_suites_run_over(adapter: Adapter, directory: Path) -> None:
    if reason := adapter.why_not():
        pytest.skip(f"{adapter.name}: {reason}")
    store = await adapter.open(directory)
    await put(store, (b"a", b"1"))
    assert await store.get(b"a") == b"1"
    await store.close()
