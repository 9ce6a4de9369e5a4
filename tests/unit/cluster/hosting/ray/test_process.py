"""The parts of a process that need no Ray."""

import inspect

from cluster.hosting.ray.place import Boot
from cluster.hosting.ray.process import BACK_OFF_S_MAX, Life, Process, back_off_s


def test_the_actor_has_nothing_asynchronous() -> None:
    # One coroutine function among its members, and Ray runs all of it in a loop of its own, not in the main thread.
    assert not [name for name, each in inspect.getmembers(Process) if inspect.iscoroutinefunction(each)]


def test_waits_grow_and_have_an_end() -> None:
    waits = [back_off_s(failures) for failures in range(10)]
    assert waits[0] == 0
    assert waits[1] > 0
    assert waits == sorted(waits)
    assert waits[-1] == back_off_s(10**9) == BACK_OFF_S_MAX


def test_a_process_tells_who_it_is() -> None:
    life = Life(Boot("queue", "queue-a-1", "a", "m:f", "m:S", "/c"), "10.0.0.1")
    told = life.describe()
    assert (told["name"], told["role"], told["state"]) == ("queue-a-1", "queue", "starting")
