"""Which stores the contract suites run over here; of the others, one line each says why not."""

import pytest

from tests.contract.adapters import STORES, Adapter


@pytest.mark.parametrize("adapter", STORES, ids=lambda adapter: adapter.name)
def test_the_contract_suites_run_over(adapter: Adapter) -> None:
    if reason := adapter.why_not():
        pytest.skip(f"{adapter.name}: {reason}")
