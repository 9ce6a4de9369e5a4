"""mbox files as they are found, read."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import Misconfigured
from ops.transfer import mbox
from ops.transfer.folder import Found
from ops.transfer.mbox import Mbox

CASES = Path(__file__).parent / "cases"
FROM = b"From alice@example.org Tue Nov  3 12:00:00 2020\n"


def all_of(path: Path) -> list[Found]:
    return list(Mbox(path, "INBOX").remaining([]))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.mbox")))
def test_case(name: str) -> None:
    expected = json.loads((CASES / f"{name}.json").read_text())
    found = all_of(CASES / f"{name}.mbox")
    assert [
        {
            "content": one.content.decode("latin-1"),
            "flags": list(one.flags),
            "date": one.date_ms,
        }
        for one in found
    ] == [one | {"date": datetime.fromisoformat(one["date"]).timestamp() * 1000} for one in expected]
    assert not any(one.problem for one in found)


def test_sizes_add_up_to_the_file() -> None:
    path = CASES / "mboxrd.mbox"
    assert sum(one.size for one in all_of(path)) == path.stat().st_size == Mbox(path, "x").size


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.mbox")))
@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 200])
def test_pieces_of_any_size_find_the_same(name: str, piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = CASES / f"{name}.mbox"
    whole = all_of(path)
    monkeypatch.setattr(mbox, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(mbox, "FROM_LINE_BYTES_MAX", 100)
    monkeypatch.setattr(mbox, "HEADER_BYTES_MAX", 300)
    assert all_of(path) == whole


def test_lines_longer_than_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"x" * 1000 + FROM.strip() + b"\n" + b"y" * 1000
    path = written(tmp_path / "x", FROM + b"A: b\n\n" + body + b"\n\n" + FROM + b"C: d\n\ny\n")
    for piece_bytes in range(1, 400, 7):
        monkeypatch.setattr(mbox, "PIECE_BYTES", piece_bytes)
        monkeypatch.setattr(mbox, "FROM_LINE_BYTES_MAX", 100)
        monkeypatch.setattr(mbox, "HEADER_BYTES_MAX", 100)
        assert [len(one.content) for one in all_of(path)] == [len(body) + 11, 11]


def test_a_file_that_becomes_shorter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "PIECE_BYTES", 10)
    monkeypatch.setattr(mbox, "HEADER_BYTES_MAX", 10)
    path = written(tmp_path / "x", (FROM + b"A: b\n\nx\n\n") * 100)
    messages = Mbox(path, "INBOX").remaining([])
    next(messages)
    path.write_bytes(FROM)
    with pytest.raises(Misconfigured, match="shorter"):
        list(messages)


def test_a_message_that_is_too_large_is_named_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.transfer.folder.MESSAGE_BYTES_MAX", 1000)
    path = written(tmp_path / "x", FROM + b"A: b\n\n" + b"x" * 2000 + b"\n\n" + FROM + b"C: d\n\ny\n\n")
    first, second = all_of(path)
    assert "larger" in first.problem
    assert not first.content
    assert second.content == b"C: d\r\n\r\ny\r\n"


def test_an_empty_message_is_named(tmp_path: Path) -> None:
    first, second = all_of(written(tmp_path / "x", FROM + b"\n" + FROM + b"C: d\n\ny\n"))
    assert first.problem
    assert second.content


def test_goes_on_behind_a_token(tmp_path: Path) -> None:
    folder = Mbox(CASES / "mboxrd.mbox", "INBOX")
    first, second = folder.remaining([])
    assert list(folder.remaining([folder.token([first])])) == [second]
    assert list(folder.covered(folder.token([first]))) == [first]
    assert list(folder.remaining([folder.token([first]), folder.token([second])])) == []


def test_what_was_appended_is_new(tmp_path: Path) -> None:
    path = written(tmp_path / "x", FROM + b"A: b\n\nx\n\n")
    folder = Mbox(path, "INBOX")
    done = folder.token(list(folder.remaining([])))
    with path.open("ab") as file:
        file.write(FROM + b"C: d\n\ny\n\n")
    assert [one.content for one in folder.remaining([done])] == [b"C: d\r\n\r\ny\r\n"]


def test_a_file_that_was_written_anew_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x", FROM + b"A: b\n\nx\n\n" + FROM + b"C: d\n\ny\n\n")
    folder = Mbox(path, "INBOX")
    done = folder.token([next(folder.remaining([]))])
    path.write_bytes(FROM + b"A: c\n\nx\n\n" + FROM + b"C: d\n\ny\n\n")
    with pytest.raises(Misconfigured, match="from-start"):
        list(folder.remaining([done]))
    with pytest.raises(Misconfigured, match="from-start"):
        list(folder.covered(done))


@given(st.binary(max_size=300) | st.lists(st.sampled_from([FROM, b"\n", b"A: b\n", b">From x\n", b"x", b"\r\n"])))
def test_any_bytes_are_read_to_the_end(tmp_path_factory: pytest.TempPathFactory, data: bytes | list[bytes]) -> None:
    """Whatever the file holds: no error, no byte behind the first From_ line left out, none read twice."""
    content = FROM + (data if isinstance(data, bytes) else b"".join(data))
    found = all_of(written(tmp_path_factory.getbasetemp() / "any", content))
    assert sum(one.size for one in found) == len(content)
    assert all(one.content or one.problem for one in found)
    assert all(b"\n" not in one.content.replace(b"\r\n", b"") for one in found)
