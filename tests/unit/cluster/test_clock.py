"""cluster/clock.py: the server's clock counts what the machine slept."""

import time

import pytest

from cluster.clock import SystemClock, SystemDice


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no such clock here")
def test_time_that_the_machine_slept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def answer(which: int) -> float:
        asked.append(which)
        return 5.0

    monkeypatch.setattr(time, "clock_gettime", answer)
    assert SystemClock().monotonic() == 5.0
    assert asked == [time.CLOCK_BOOTTIME]


def test_no_random_byte_is_given_twice_nor_to_a_child() -> None:
    dice = SystemDice()
    given = [dice.randbytes(size) for size in (6, 12, 500, 18, 32, 0) for _ in range(200)]
    assert [len(one) for one in given] == [size for size in (6, 12, 500, 18, 32, 0) for _ in range(200)]
    assert len({one for one in given if one}) == 1000
    dice.randbytes(1)
    dice._forget()
    assert len(dice.randbytes(8)) == 8
    assert 0 <= dice.getrandbits(63) < 2**63
