"""cluster/clock.py: the server's clock counts what the machine slept."""

import time

import pytest

from cluster.clock import SystemClock


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no such clock here")
def test_time_that_the_machine_slept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    real, slept_s = time.clock_gettime, 3600.0
    monkeypatch.setattr(
        time, "clock_gettime", lambda which: real(which) + (slept_s if which == time.CLOCK_BOOTTIME else 0.0)
    )
    awake = time.monotonic()
    assert SystemClock().monotonic() - real(time.CLOCK_BOOTTIME) >= slept_s
    assert SystemClock().monotonic() - awake >= slept_s
