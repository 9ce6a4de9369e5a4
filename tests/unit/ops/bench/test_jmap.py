"""What a page must show; and every figure, from a real server."""

from pathlib import Path

import pytest

from ops.bench import jmap
from ops.bench.askers import Times
from ops.bench.jmap import CASES, OF_ONE_PERSON, PAGE, PEOPLE, measure, rows_of, values
from ops.bench.peers import OURS, scratch
from ops.bench.people import ours
from ops.bench.varied import IN_A_THREAD, Mailbox, sender

MAILBOX = Mailbox(500)
NEWEST = sorted(MAILBOX.letters(), key=lambda one: (one.arrived_s, one.number), reverse=True)
BY_TITLE = {case.title: case for case in CASES}


def test_pages_have_names_of_their_own() -> None:
    assert len(BY_TITLE) == len(CASES)
    assert "page of 50, 1 client" in BY_TITLE
    assert "page of 50, threads collapsed, 4 clients" in BY_TITLE


def test_nobody_has_more_requests_at_a_time_than_the_session_allows() -> None:
    assert max(case.clients for case in CASES) == OF_ONE_PERSON * PEOPLE


def test_a_page_is_the_newest() -> None:
    rows = rows_of(MAILBOX, NEWEST, CASES[0])
    assert len(rows) == PAGE
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    assert rows[0][3] == len(MAILBOX.raw(NEWEST[0]))


def test_a_collapsed_page_has_a_thread_once() -> None:
    rows = rows_of(MAILBOX, NEWEST, BY_TITLE["page of 50, threads collapsed, 4 clients"])
    threads = {row[1].rsplit(" ", 1)[1] for row in rows}
    assert len(rows) == len(threads) == PAGE
    assert rows[0] == rows_of(MAILBOX, NEWEST, CASES[0])[0]


def test_a_filtered_page_has_what_fits() -> None:
    rows = rows_of(MAILBOX, NEWEST, BY_TITLE["page of 50, 1 kB and before 2025, 4 clients"])
    assert len(rows) == PAGE
    assert all(row[0] < "2025" and row[3] >= jmap.LARGE_BYTES for row in rows)
    rows = rows_of(MAILBOX, NEWEST, BY_TITLE["page of 50, from a sender, 4 clients"])
    assert {row[2] for row in rows} <= {sender(jmap.SENDER)}


def test_the_values_of_a_request() -> None:
    found = values("it", "us", Times([0.1, 0.1, 0.1], 0.3), 0.03)
    assert [value.unit for value in found] == ["requests/s", "ms", "ms", "ms/request"]
    assert [value.value for value in found] == pytest.approx([10, 100, 100, 10])


@pytest.mark.timeout(300)  # a process that has to import everything, on a busy machine
def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jmap, "ARRIVALS", 2)
    made = {OURS: ours(takes="lmtp")}
    told = list(measure(made, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert {value.server for value in told} == {OURS}
    assert len({(value.what, value.unit) for value in told}) == len(told) == 4 * (len(CASES) + 5)
    assert all(value.value >= 0 for value in told)
    assert jmap.MESSAGES_QUICK % IN_A_THREAD == 0
