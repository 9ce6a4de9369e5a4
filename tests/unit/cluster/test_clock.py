"""cluster/clock.py: the server's clock counts what the machine slept."""

import time

import pytest

from cluster.clock import SystemClock


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no such clock here")
def test_time_that_the_machine_slept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def answer(which: int) -> float:
        asked.append(which)
        return 5.0

    monkeypatch.setattr(time, "clock_gettime", answer)
    assert SystemClock().monotonic() == 5.0
    assert asked == [time.CLOCK_BOOTTIME]
