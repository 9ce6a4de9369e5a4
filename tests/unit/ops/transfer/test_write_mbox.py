"""mbox files, written: what the reader reads again is what was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.transfer.folder import Found
from ops.transfer.mbox import Mbox
from ops.transfer.write_mbox import MboxWriter
from wire import admin_pb2 as pb

FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "work")
LINES = st.sampled_from(
    [
        b"",
        b"text",
        b"From here",
        b">From there",
        b">>From",
        b"From a@b Tue Nov  3 12:00:00 2020",
        b"\xff\x00",
        b" folded",
    ]
)
HEADERS = st.sampled_from([b"Subject: x", b"From: a@b", b"X: y", b" folded", b"no field"])
MESSAGES = st.tuples(st.lists(HEADERS, min_size=1, max_size=4), st.lists(LINES, max_size=6)).map(
    lambda parts: b"".join(line + b"\r\n" for line in [*parts[0], b"", *parts[1]])
)


def message(content: bytes, date_ms: int = 1_604_404_800_000, flags: tuple[str, ...] = ()) -> pb.ExportedMessage:
    return pb.ExportedMessage(uidvalidity=1, uid=1, date_ms=date_ms, flags=flags, content=content)


def through(path: Path, *messages: pb.ExportedMessage) -> list[Found]:
    writer = MboxWriter(path)
    for one in messages:
        writer.write(one)
    writer.finish()
    return list(Mbox(path, "x").remaining([]))


@given(st.lists(MESSAGES, max_size=4), st.sets(st.sampled_from(FLAGS)), st.integers(0, 4_000_000_000))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], flags: set[str], date_s: int
) -> None:
    """Byte for byte, with flags and (to the second) dates, whatever looks like a From_ line in it."""
    path = tmp_path_factory.getbasetemp() / "any.mbox"
    found = through(path, *(message(content, date_s * 1000 + 7, tuple(flags)) for content in contents))
    assert [one.content for one in found] == contents
    assert [one.date_ms for one in found] == [date_s * 1000] * len(found)
    assert all(set(one.flags) == flags for one in found if b": " in one.content.partition(b"\r\n")[0])


def test_as_a_person_sees_it(tmp_path: Path) -> None:
    content = b"Return-Path: <eve@example.org>\r\nSubject: x\r\n\r\nFrom here\r\n"
    through(tmp_path / "x", message(content, flags=("\\Seen", "\\Flagged", "work")))
    assert (tmp_path / "x").read_text() == (
        "From eve@example.org Tue Nov  3 12:00:00 2020\n"
        "Return-Path: <eve@example.org>\nSubject: x\nStatus: RO\nX-Status: F\nX-Keywords: work\n\n>From here\n\n"
    )


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.mbox"
    writer = MboxWriter(path)
    writer.write(message(b"A: b\r\n\r\n"))
    assert not path.exists()
    writer.abandon()
    assert list(path.parent.iterdir()) == []
    through(path, message(b"A: b\r\n\r\n"))
    before = path.read_bytes()
    writer = MboxWriter(path)
    writer.abandon()
    assert path.read_bytes() == before
