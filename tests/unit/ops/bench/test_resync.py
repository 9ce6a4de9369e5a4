"""Coming back, to a real server; and what is no right answer."""

from pathlib import Path

import pytest

from ops.bench import resync
from ops.bench.delivery import Make
from ops.bench.peers import OURS, Rookery, free_ports, scratch
from ops.bench.resync import Known, check, commands, measure

KNOWN = Known(7, 9, frozenset({2, 6}), frozenset({1, 5}), frozenset({11, 12}))
RIGHT = (
    b"* VANISHED (EARLIER) 2,6\r\n"
    b"* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (10))\r\n* 4 FETCH (UID 5 FLAGS (\\Flagged) MODSEQ (10))\r\n"
    b"* 9 FETCH (UID 11 FLAGS () MODSEQ (12))\r\n* 10 FETCH (MODSEQ (12) UID 12 FLAGS (\\Recent))\r\n"
)


class Answering:
    """A client whose server says this to everything but ENABLE."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def command(self, command: bytes) -> bytes:
        return b"" if command.startswith(b"ENABLE") else self._answer

    def close(self) -> None:
        pass


def test_the_right_answer() -> None:
    check(Answering(RIGHT), KNOWN)  # type: ignore[arg-type]
    assert commands(KNOWN)["QRESYNC"] == b"SELECT INBOX (QRESYNC (7 9))"


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        (b"2,6", b"2"),
        (b"2,6", b"2,6:7"),
        (b"UID 5 FLAGS (\\Flagged)", b"UID 5 FLAGS ()"),
        (b"UID 11 FLAGS ()", b"UID 11 FLAGS (\\Flagged)"),
        (b"UID 11", b"UID 12"),
        (b"UID 12", b"UID 13"),
    ],
)
def test_wrong_answers(part: bytes, instead: bytes) -> None:
    assert part in RIGHT
    with pytest.raises(RuntimeError, match="QRESYNC: "):
        check(Answering(RIGHT.replace(part, instead)), KNOWN)  # type: ignore[arg-type]


def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "MESSAGES", 20_000)
    monkeypatch.setattr(resync, "CHANGES", 4_000)
    make: dict[str, Make] = {OURS: lambda path: Rookery(path, free_ports())}
    values = list(measure(make, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert len(values) == len({value.what for value in values}) == 7
    assert all(value.value >= 0 for value in values)
