"""Maildirs, written, and written again."""

from pathlib import Path

import pytest

from ops.transfer.maildir import Maildir
from ops.transfer.write_maildir import MaildirWriter, folder_name
from wire import admin_pb2 as pb


def message(uid: int, *flags: str, content: bytes | None = b"A: b\r\n\r\nx\r\n") -> pb.ExportedMessage:
    return pb.ExportedMessage(uidvalidity=7, uid=uid, date_ms=1_600_000_000_500, flags=flags, content=content, size=11)


def flags_of(path: Path) -> list[tuple[str, ...]]:
    return [found.flags for found in Maildir(path, "INBOX").remaining([])]


def test_flags_and_keywords_are_read_again(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    writer.write(message(1, "\\Seen", "\\Flagged", "work", "$Forwarded"))
    writer.write(message(2, "play", "WORK"))
    writer.finish()
    first, second = flags_of(tmp_path)
    assert set(first) == {"\\Seen", "\\Flagged", "work", "$Forwarded"}
    assert set(second) == {"play", "work"}
    assert not list((tmp_path / "tmp").iterdir())


def test_what_is_there(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    for uid in (1, 2, 3, 5):
        writer.write(message(uid))
    again = MaildirWriter(tmp_path, "INBOX")
    assert again.have(7) == [(1, 3), (5, 5)]
    assert again.have(8) == []


def test_new_flags_of_what_is_there(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    writer.write(message(1, "work"))
    writer.finish()
    again = MaildirWriter(tmp_path, "INBOX")
    again.have(7)
    again.write(message(1, "\\Seen", "play", content=None))
    again.finish()
    assert flags_of(tmp_path) == [("\\Seen", "play")]
    assert (tmp_path / "dovecot-keywords").read_text() == "0 work\n1 play\n"


def test_a_message_cut_by_a_power_failure_is_written_again(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    writer.write(message(1))
    (path,) = (tmp_path / "cur").iterdir()
    path.write_bytes(b"")
    assert MaildirWriter(tmp_path, "INBOX").have(7) == []


def test_letters_keep_their_meaning_after_a_cut(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    writer.write(message(1, "work"))
    writer.abandon()
    again = MaildirWriter(tmp_path, "INBOX")
    again.write(message(2, "play"))
    again.finish()
    assert sorted(flags_of(tmp_path)) == [("play",), ("work",)]


def test_more_keywords_than_letters(tmp_path: Path) -> None:
    writer = MaildirWriter(tmp_path, "INBOX")
    writer.write(message(1, *(f"k{number:02}" for number in range(27))))
    writer.finish()
    assert writer.lost == {"k26"}
    assert len(flags_of(tmp_path)[0]) == 26


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Sent", ".Sent"),
        ("A/B", ".A.B"),
        ("Bücher & more", ".B&APw-cher &- more"),
        ("v1.2", ".v1&AC4-2"),
        ("..", ".&AC4-&AC4-"),
    ],
)
def test_names(name: str, folder: str) -> None:
    assert folder_name(name) == folder
