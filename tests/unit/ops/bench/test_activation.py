"""A few cold accounts over both stores, and a small cluster's memory."""

from pathlib import Path

import pytest

from actors.mailbox.keys import slot_of
from ops.bench import activation
from ops.bench.activation import Size, Work, beside, measure
from ops.bench.peers import scratch


def test_another_account_is_found_in_each_slot() -> None:
    accounts = [1, 2, 3]
    others = beside(accounts)
    assert {slot_of(account) for account in others} == {slot_of(account) for account in accounts}
    assert not set(accounts) & set(others)


@pytest.mark.timeout(180)  # a dozen processes on a busy machine
@pytest.mark.part("etcd")
@pytest.mark.part("postgresql")
def test_every_figure_is_there(passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "WORK_QUICK", Work((Size(3, 2), Size(2, 5)), 20, 3))
    monkeypatch.setattr(activation, "SETTLE_S", 0.1)
    values = list(measure(None, lambda: scratch(passable), 1, quick=True, told=lambda _text: None))
    whats = {value.what for value in values if value.server == "PostgreSQL"}
    assert whats == {value.what for value in values if value.server == "LMDB"}
    assert "cold account of 5 messages: INBOX selected" in whats
    idle = [value.value for value in values if value.what.startswith("memory, idle")]
    assert len(idle) == 7
    assert min(idle) > 1
