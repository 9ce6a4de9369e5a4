"""A small crowd waits at a real server."""

from pathlib import Path

import pytest

from ops.bench import memory
from ops.bench.crowd import crowd
from ops.bench.delivery import Make
from ops.bench.peers import OURS, Rookery, free_ports, scratch
from ops.bench.wire import Client


def test_every_case_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CONNECTIONS_QUICK", (20,))
    monkeypatch.setattr(memory, "SETTLE_S", 0.0)
    make: dict[str, Make] = {OURS: lambda path: Rookery(path, free_ports())}
    values = list(memory.measure(make, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert len(values) == 6
    assert all(value.value > 1 for value in values)


def test_the_crowd_waits_until_it_may_go(tmp_path: Path) -> None:
    server = Rookery(tmp_path, free_ports(), connections=11)
    server.furnish(2)
    with server.running(), crowd(server.ports.imap, 11, 2), pytest.raises(Exception, match=r"closed|reset|Too many"):
        Client(server.ports.imap, 0)


def test_a_crowd_that_finds_no_server_says_so() -> None:
    with pytest.raises(RuntimeError, match="did not come to rest"), crowd(1, 3, 1):
        pass
