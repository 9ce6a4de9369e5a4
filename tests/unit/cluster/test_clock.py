"""cluster/clock.py: the server's clock counts what the machine slept."""

import time

import pytest

from cluster.clock import SystemClock


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no such clock here")
def test_time_that_the_machine_slept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(time, "clock_gettime", lambda which: asked.append(which) or 5.0)
    assert SystemClock().monotonic() == 5.0
    assert asked == [time.CLOCK_BOOTTIME]
