"""Everybody hears, from a real server."""

from pathlib import Path

from ops.bench import told
from ops.bench.delivery import Make
from ops.bench.peers import OURS, Rookery, free_ports, scratch
from ops.bench.told import CASES, Case, Crowd, measure


def test_every_figure_is_there_for_every_case(tmp_path: Path) -> None:
    make: dict[str, Make] = {OURS: lambda path: Rookery(path, free_ports())}
    values = list(measure(make, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert len(values) == len({value.what for value in values}) == 4 * len(told.CASES_QUICK)
    assert all(value.value > 0 for value in values)


def test_cases_say_what_they_are() -> None:
    assert [case.what for case in (*CASES, Case(1, 5))] == [
        "1,000 sessions on 100 mailboxes",
        "100 sessions on 1 mailbox",
        "5 sessions on 1 mailbox",
    ]


async def test_the_last_one_stops_the_clock() -> None:
    crowd = Crowd()
    crowd.wait_for(b"EXISTS", 2)
    crowd.hears()
    assert not crowd._all.is_set()
    crowd.hears()
    assert await crowd.done() > 0
