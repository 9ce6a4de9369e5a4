"""What a run leaves for people to read."""

from pathlib import Path

import pytest

from ops.bench.figures import Cell, Value, rows_of
from ops.bench.machine import Machine
from ops.bench.peers import OURS, PEERS
from ops.bench.report import PAGE, Part, markdown, number, replaced, shown, write

MACHINE = Machine("2026-11-23 00:00 UTC", "a processor", "24 GiB", "Debian", "ext4", "all of them", "0.1")
VALUES = [
    Value("4 kB", "messages/s", OURS, 1500.0),
    Value("4 kB", "messages/s", PEERS, 310.0),
    Value("4 kB", "messages/s", OURS, 1700.0),
    Value("4 kB", "messages/s", PEERS, 290.0),
]
PART = Part("delivery", "rookery bench", quick=False, machine=MACHINE, rows=rows_of(VALUES))


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (99.96, "100.0"), (12.34, "12.3"), (1.234, "1.23"), (0.0567, "0.057")]
)
def test_numbers_have_as_many_digits_as_are_true(value: float, text: str) -> None:
    assert number(value) == text


def test_a_figure_of_several_rounds_shows_its_span() -> None:
    assert shown(Cell(2.0, 1.0, 3.0, 3)) == "2.00 (1.00 to 3.00)"
    assert shown(Cell(2.0, 2.0, 2.0, 1)) == "2.00"
    assert shown(None) == ""


def test_the_table_says_command_machine_figures_and_ratio() -> None:
    lines = markdown(PART).splitlines()
    assert lines[0] == "`rookery bench`, 2026-11-23 00:00 UTC: medians of 2 rounds (least to most)."
    assert "- disk: ext4" in lines
    assert "|  | unit | Rookery | Postfix + Dovecot | Rookery: times better |" in lines
    assert "| 4 kB | messages/s | 1,600 (1,500 to 1,700) | 300 (290 to 310) | 5.33 |" in lines
    assert lines[-1] == "![delivery](delivery.png)"


def test_a_quick_run_and_what_was_skipped_are_said() -> None:
    text = markdown(PART._replace(quick=True, skipped="a script is missing"))
    assert text.startswith("**A quick run")
    assert "Not measured: a script is missing." in text


def test_only_the_text_between_the_markers_is_replaced() -> None:
    page = replaced(replaced("# Results\n\nBy hand, above.\n", "imap", "old"), "memory", "kept")
    page += "\nBy hand, below.\n"
    changed = replaced(page, "imap", "new")
    assert changed == page.replace("old", "new")
    assert changed.index("By hand, above") < changed.index("new") < changed.index("kept") < changed.index("below")


def test_a_marker_without_its_end_is_told() -> None:
    with pytest.raises(ValueError, match="has no"):
        replaced("<!-- imap: measured, do not edit -->", "imap", "new")


def test_writing_twice_keeps_one_table_and_draws_a_plot(tmp_path: Path) -> None:
    write(PART, tmp_path)
    write(PART, tmp_path)
    assert (tmp_path / PAGE).read_text().count("| 4 kB |") == 1
    assert (tmp_path / "delivery.png").read_bytes().startswith(b"\x89PNG")
