"""Log lines: whole, typed, bounded, filtered at the level of the moment; a lost line harms nobody."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.clock import ManualClock
from cluster.config import Secret, document, load
from cluster.errors import Misconfigured
from cluster.observe.logs import LINE_BYTES_MAX, LogSettings, set_up


@pytest.fixture(autouse=True)
def _fresh_structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def check(password: str) -> None:
    raise ValueError("good" if not password else "bad")


def lines(out: io.BytesIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.getvalue().splitlines()]


def test_one_event_is_one_json_line_with_its_bound_ids() -> None:
    out = io.BytesIO()
    set_up(LogSettings(), ManualClock(), out)
    structlog.get_logger().bind(session="s1").info("message_accepted", size_bytes=4096, key=Secret("hunter2"))
    assert lines(out) == [
        {
            "timestamp": "2023-11-14T22:13:20.000+00:00",
            "level": "info",
            "event": "message_accepted",
            "session": "s1",
            "size_bytes": 4096,
            "key": "Secret(…)",
        }
    ]


def test_the_level_changes_for_loggers_already_bound() -> None:
    out = io.BytesIO()
    logs = set_up(LogSettings(level="error"), ManualClock(), out)
    log = structlog.get_logger().bind(session="s1")
    log.warning("unheard")
    logs.set_level("debug")
    log.debug("heard")
    assert [line["event"] for line in lines(out)] == ["heard"]
    with pytest.raises(Misconfigured, match="there are debug, info"):
        logs.set_level("loud")  # type: ignore[arg-type]


def test_an_exception_is_one_line_without_locals() -> None:
    out = io.BytesIO()
    set_up(LogSettings(), ManualClock(), out)
    try:
        password = "hunter2"
        check(password)
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines(out)
    assert line["level"] == "error"
    assert "check(password)" in line["exception"]
    assert line["exception"].endswith("ValueError: bad\n")
    assert "hunter2" not in line["exception"]


def test_a_long_line_is_cut_and_still_json() -> None:
    out = io.BytesIO()
    set_up(LogSettings(), ManualClock(), out)
    structlog.get_logger().info("long", text="x" * 100_000, **{f"k{i}": "y" * 1000 for i in range(200)})
    assert len(out.getvalue()) <= LINE_BYTES_MAX
    (line,) = lines(out)
    assert line["event"] == "long"
    assert line["shortened"] is True


@settings(suppress_health_check=[HealthCheck.too_slow])  # its first run builds a table of characters
@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.one_of(st.text(), st.binary(), st.integers(), st.just("\ud800")))
)
def test_any_field_is_logged_as_one_json_line(fields: dict[str, Any]) -> None:
    out = io.BytesIO()
    set_up(LogSettings(), ManualClock(), out)
    structlog.get_logger().bind().info("e", **fields)
    structlog.reset_defaults()
    (line,) = lines(out)
    assert line.keys() == {"timestamp", "level", "event", *fields}


def test_the_console_form_is_for_people() -> None:
    out = io.BytesIO()
    set_up(LogSettings(form="console"), ManualClock(), out)
    structlog.get_logger().info("message_accepted", size_bytes=4096)
    assert b"message_accepted" in out.getvalue()
    assert b"size_bytes=4096" in out.getvalue()
    assert b"{" not in out.getvalue()


def test_a_file_is_appended_to_and_reopened_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"event": "old"}\n')
    logs = set_up(LogSettings(file=str(path)), ManualClock())
    structlog.get_logger().info("first")
    path.rename(tmp_path / "log.1")
    logs.reopen()
    structlog.get_logger().info("second")
    logs.close()
    assert (tmp_path / "log.1").read_text().count("\n") == 2
    assert '"second"' in path.read_text()


def test_a_line_that_cannot_be_written_is_counted_and_harms_nobody() -> None:
    out = io.BytesIO()
    logs = set_up(LogSettings(), ManualClock(), out)
    out.close()
    structlog.get_logger().info("lost")
    assert logs.lost == 1


def test_a_log_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"Cannot open the log file .*who may write"):
        set_up(LogSettings(file=str(tmp_path / "none" / "log")), ManualClock())


def test_the_settings_are_documented() -> None:
    assert load(LogSettings, document(LogSettings), {}) == LogSettings()
