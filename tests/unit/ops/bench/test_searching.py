"""What is compared and what is forgotten; and every operation with a real server, with an index and without."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.bench import searching
from ops.bench.delivery import Make
from ops.bench.peers import OURS, UNINDEXED, Rookery, scratch
from ops.bench.searching import KEPT, compare, forget, keep, measure, name_of, operations
from ops.bench.varied import Mailbox, has_needle
from ops.cli.bench import makers

MAILBOX = Mailbox(100)


def test_every_operation_has_an_answer() -> None:
    letters = list(MAILBOX.letters())
    answers = {name_of(one): one.answer(MAILBOX, letters).split(" ", 1) for one in operations(MAILBOX)}
    assert len(answers) == len(operations(MAILBOX))
    for name, (word, found) in answers.items():
        assert name.startswith(word)
        if word == "SORT":
            assert sorted(map(int, found.split())) == list(range(1, 101))
    assert answers["SEARCH TEXT"][1] == answers["SEARCH BODY"][1] == "100"
    assert has_needle(100)
    assert answers["SEARCH SUBJECT"][1].count(" ") == 4


@pytest.mark.parametrize("answer", [b"* SORT 1 2 3\r\nT1 OK done\r\n", b"* SORT 1 2 3 \r\nT1 OK done\r\n"])
def test_right_answers(answer: bytes) -> None:
    compare("it", answer, "SORT 1 2 3")


@pytest.mark.parametrize("answer", [b"* SORT 1 3 2\r\nT1 OK\r\n", b"* SORT 1 2\r\nT1 OK\r\n", b"T1 OK\r\n"])
def test_wrong_answers(answer: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"it: .* but it must be"):
        compare("it", answer, "SORT 1 2 3")


def test_index_files_are_as_they_were(tmp_path: Path) -> None:
    server = Rookery(tmp_path, (0, 0))  # type: ignore[arg-type]  # only its directory counts
    folder = tmp_path / "mail" / "user0"
    folder.mkdir(parents=True)
    (folder / "dovecot.index").write_text("filled")
    (folder / "u.1").write_text("a message")
    keep(server)
    (folder / "dovecot.index").write_text("searched")
    (folder / "dovecot.index.cache").write_text("headers")
    for _ in range(2):
        forget(server)
        assert (folder / "dovecot.index").read_text() == "filled"
        assert sorted(path.name for path in folder.iterdir()) == ["dovecot.index", "u.1"]
    assert (tmp_path / KEPT / "mail" / "user0" / "dovecot.index").exists()


@pytest.mark.timeout(180)  # a dozen starts
def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = operations

    def few(mailbox: Mailbox) -> Sequence[searching.Operation]:
        return [one for one in whole(mailbox) if name_of(one) in ("SORT (SUBJECT)", "THREAD REFS", "SEARCH BODY")]

    monkeypatch.setattr(searching, "operations", few)
    monkeypatch.setattr(searching, "MESSAGES_QUICK", 100)
    make: dict[str, Make] = makers("searching", None)
    values = list(measure(make, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert {value.server for value in values} == {OURS, UNINDEXED}
    assert len({value.what for value in values}) * 2 == len(values) == 24
    assert all(value.value >= 0 for value in values)
