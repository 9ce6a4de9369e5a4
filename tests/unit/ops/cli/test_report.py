"""`rookery report` on a data directory where no server runs."""

import asyncio
from pathlib import Path

import pytest

from actors.report.types import DMARC, Received
from cluster.errors import Trouble
from ops.core import opened
from tests.unit.ops.cli.conftest import Run, objects

NAME = bytes(range(16))


@pytest.fixture
def kept(data: Path) -> None:
    async def keep() -> None:
        async with opened(data) as core:
            now_ms = core.clock.now_ms()
            worst = (("192.0.2.7", 3), ("192.0.2.8", 1))
            await core.reports.keep(
                Received(
                    NAME, now_ms, "dmarc", "x.test", "Org", "y.test", "r1", 1, 2**41, 12, 4, worst, "a.1", ("odd",)
                )
            )
            core.reports.count(DMARC, "far.test", b"row", 5)

    asyncio.run(keep())


@pytest.mark.usefixtures("kept")
def test_reports_are_listed_and_shown(run: Run) -> None:
    listed = run("report", "list").stdout
    assert NAME.hex() in listed
    assert "x.test" in listed
    (one,) = objects(run("report", "list", "--kind", "dmarc", "--domain", "x.test", "--json"))
    assert (one["failed"], one["id"]) == (4, NAME.hex())
    shown = run("report", "show", NAME.hex()).stdout
    assert "192.0.2.7" in shown
    assert "problem: odd" in shown
    assert "1970-01-01 00:00:01Z to ?" in shown
    assert objects(run("report", "show", NAME.hex(), "--json")) == [one]
    assert objects(run("report", "list", "--kind", "tls", "--json")) == []


@pytest.mark.usefixtures("kept")
def test_a_summary_has_the_worst(run: Run) -> None:
    text = run("report", "summary", "--days", "2").stdout
    assert "25.0 %" in text
    assert "192.0.2.7 (3)" in text
    (one,) = objects(run("report", "summary", "--json"))
    assert one["worst"][0] == {"what": "192.0.2.7", "count": 3}


@pytest.mark.usefixtures("kept")
def test_what_is_pending(run: Run) -> None:
    assert "far.test" in run("report", "pending").stdout
    (one,) = objects(run("report", "pending", "--json"))
    assert (one["domain"], one["count"], one["ended"]) == ("far.test", 5, False)


def test_what_there_is_none_of_is_said(run: Run) -> None:
    for command in (("list",), ("summary",), ("pending",)):
        done = run("report", *command)
        assert done.stdout == ""
        assert done.stderr
    assert objects(run("report", "list", "--json")) == []


def test_only_a_server_sends(run: Run) -> None:
    with pytest.raises(Trouble, match="Only a running server"):
        run("report", "send", "--now")
    assert run("report", "send").exit_code == 2
