"""ops/cli/waiting.py"""

from collections.abc import AsyncGenerator

import pytest

from cluster.errors import Unavailable
from ops.cli.waiting import Lines, wait
from ops.cluster.progress import Progress


async def steps(*steps: Progress) -> AsyncGenerator[Progress, None]:
    for each in steps:
        yield each


def test_a_line_for_each_tenth_and_for_something_else() -> None:
    lines = Lines()
    told = [lines.next(Progress(done, 1000, "moves")) for done in range(1001)]
    assert [line for line in told if line] == [f"waiting for moves: {done} of 1000" for done in range(0, 1000, 100)]
    assert lines.next(Progress(0, 3, "a controller")) == "waiting for a controller: 0 of 3"
    assert lines.next(Progress(0, 0, "nothing")) == ""


async def test_without_a_terminal_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    await wait(steps(Progress(0, 2, "processes"), Progress(1, 2, "processes"), Progress(2, 2, "processes")), 5)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.split("\n") == ["waiting for processes: 0 of 2", "waiting for processes: 1 of 2", ""]


async def test_what_takes_too_long_goes_on_by_itself() -> None:
    async def never() -> AsyncGenerator[Progress, None]:
        yield Progress(0, 1, "moves")
        raise TimeoutError

    with pytest.raises(Unavailable, match="Still waiting for moves"):
        await wait(never(), 5)
