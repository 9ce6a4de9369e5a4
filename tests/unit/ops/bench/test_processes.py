"""Reading /proc."""

import os

from ops.bench.processes import TICKS_A_S, Process, cpu_s, everyone, memory, parse_stat, tree


def test_a_stat_line_is_read_whatever_the_name() -> None:
    line = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 100 200"
    assert parse_stat(line) == Process(42, 7, 30 / TICKS_A_S, 70 / TICKS_A_S)


def test_a_tree_is_the_roots_and_all_below() -> None:
    rows = [
        Process(1, 0, 0.0, 0.0),
        Process(2, 1, 0.0, 0.0),
        Process(3, 2, 0.0, 0.0),
        Process(4, 1, 0.0, 0.0),
        Process(5, 3, 0.0, 0.0),
    ]
    assert {process.pid for process in tree([2], rows)} == {2, 3, 5}
    assert {process.pid for process in tree([2, 3], rows)} == {2, 3, 5}
    assert tree([99], rows) == []


def test_this_process_is_there_and_takes_memory() -> None:
    assert os.getpid() in {process.pid for process in everyone()}
    found = memory([os.getpid()])
    assert found.pss >= found.anonymous > 0


def test_work_is_counted() -> None:
    before = cpu_s([os.getpid()])
    assert sum(range(2_000_000)) > 0
    assert cpu_s([os.getpid()]) > before > 0
