"""The journal: what was done is known after any kill."""

from pathlib import Path

import pytest

from cluster.errors import Misconfigured
from ops.transfer.journal import Journal


def test_begins_empty(tmp_path: Path) -> None:
    with Journal(tmp_path / "imports", "subject") as journal:
        assert (journal.done, journal.doubtful) == ([], {})


def test_remembers_what_is_done_and_what_is_in_doubt(tmp_path: Path) -> None:
    with Journal(tmp_path, "subject") as journal:
        first, second = journal.intend({"n": 1}), journal.intend({"n": 2})
        journal.finish(first)
    with Journal(tmp_path, "subject") as again:
        assert again.done == [{"n": 1}]
        assert again.doubtful == {second: {"n": 2}}


def test_keys_differ_by_token_and_run(tmp_path: Path) -> None:
    with Journal(tmp_path, "subject") as journal:
        keys = {journal.intend({"n": 1}), journal.intend({"n": 2})}
    with Journal(tmp_path, "subject", from_start=True) as journal:
        keys.add(journal.intend({"n": 1}))
    assert len(keys) == 3


def test_from_start_forgets(tmp_path: Path) -> None:
    with Journal(tmp_path, "subject") as journal:
        journal.finish(journal.intend({"n": 1}))
    with Journal(tmp_path, "subject", from_start=True) as journal:
        assert journal.done == []


def test_subjects_are_apart(tmp_path: Path) -> None:
    with Journal(tmp_path, "one") as one, Journal(tmp_path, "two") as two:
        one.finish(one.intend({"n": 1}))
        assert two.done == []


def test_one_import_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path, "subject"), pytest.raises(Misconfigured, match="under way"):
        Journal(tmp_path, "subject")
    with Journal(tmp_path, "subject"):
        pass


def test_every_cut_of_the_file_is_readable(tmp_path: Path) -> None:
    """A kill can end the file at any byte: what was whole counts, and the journal goes on behind it."""
    with Journal(tmp_path, "subject") as journal:
        journal.finish(journal.intend({"n": 1}))
        journal.intend({"n": 2})
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with Journal(tmp_path, "subject") as journal:
            tokens = [*journal.done, *journal.doubtful.values()]
            assert tokens == [{"n": 1}, {"n": 2}][: len(tokens)]
            key = journal.intend({"n": 3})
        with Journal(tmp_path, "subject") as journal:
            assert journal.doubtful[key] == {"n": 3}


def test_damage_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path, "subject"):
        pass
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"nonsense\n")
    with pytest.raises(Misconfigured, match="damaged"):
        Journal(tmp_path, "subject")
