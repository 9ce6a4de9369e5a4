"""Maildirs, read."""

import os
from pathlib import Path

import pytest

from ops.transfer.maildir import Maildir, is_maildir, unique


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


def put(maildir: Path, name: str, content: bytes = b"A: b\n\nx\n", date_s: int = 1_600_000_000) -> None:
    path = maildir / name
    path.write_bytes(content)
    os.utime(path, (date_s, date_s))


def test_flags_date_and_line_ends(maildir: Path) -> None:
    put(maildir, "cur/100.a.host,S=8:2,FRS", date_s=1_700_000_000)
    (found,) = Maildir(maildir, "INBOX").remaining([])
    assert found.content == b"A: b\r\n\r\nx\r\n"
    assert found.date_ms == 1_700_000_000_000
    assert found.flags == ("\\Flagged", "\\Answered", "\\Seen")


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("new/1.x:2,S", ()),  # what is in new has not been seen by any program
        ("cur/1.x", ()),
        ("cur/1.x:2,", ()),
        ("cur/1.x;2,S", ("\\Seen",)),
        ("cur/1.x!2,DPT", ("\\Draft", "$Forwarded", "\\Deleted")),
        ("cur/1.x:2,Sab", ("\\Seen", "work", "$Junk")),
        ("cur/1.x:2,Sz", ("\\Seen",)),
    ],
)
def test_flags(maildir: Path, name: str, flags: tuple[str, ...]) -> None:
    (maildir / "dovecot-keywords").write_text("0 work\n1 $Junk\nnonsense\n99 far\n")
    put(maildir, name)
    assert [found.flags for found in Maildir(maildir, "INBOX").remaining([])] == [flags]


def test_oldest_first(maildir: Path) -> None:
    for name in ("cur/300.c:2,", "new/20.b", "cur/1000.d:2,", "cur/odd:2,"):
        put(maildir, name)
    assert [found.place for found in Maildir(maildir, "INBOX").remaining([])] == ["odd", "20.b", "300.c", "1000.d"]


def test_tokens_outlive_a_change_of_flags(maildir: Path) -> None:
    put(maildir, "new/1.a")
    put(maildir, "new/2.b")
    folder = Maildir(maildir, "INBOX")
    token = folder.token([next(folder.remaining([]))])
    (maildir / "new/1.a").rename(maildir / "cur/1.a:2,S")
    again = Maildir(maildir, "INBOX")
    assert [found.place for found in again.remaining([token])] == ["2.b"]
    assert [found.flags for found in again.covered(token)] == [("\\Seen",)]


def test_a_file_renamed_while_it_is_read_is_found(maildir: Path) -> None:
    put(maildir, "new/1.a")
    messages = Maildir(maildir, "INBOX").remaining([])
    (maildir / "new/1.a").rename(maildir / "cur/1.a:2,S")
    assert [found.content for found in messages] == [b"A: b\r\n\r\nx\r\n"]


def test_what_has_gone_keeps_its_place(maildir: Path) -> None:
    for name in ("cur/1.a:2,", "cur/2.b:2,", "cur/3.c:2,"):
        put(maildir, name)
    folder = Maildir(maildir, "INBOX")
    token = folder.token(list(folder.remaining([])))
    (maildir / "cur/2.b:2,").unlink()
    found = list(Maildir(maildir, "INBOX").covered(token))
    assert [bool(one.problem) for one in found] == [False, True, False]
    assert [one.place for one in found] == token["names"]


def test_a_bad_message_is_named(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.transfer.folder.MESSAGE_BYTES_MAX", 100)
    put(maildir, "cur/1.large:2,", b"x" * 101)
    put(maildir, "cur/2.empty:2,", b"\n")
    put(maildir, "cur/3.good:2,")
    problems = [found.problem for found in Maildir(maildir, "INBOX").remaining([])]
    assert [bool(problem) for problem in problems] == [True, True, False]


def test_names() -> None:
    assert unique("1.a,S=3:2,FS") == "1.a,S=3"
    assert unique("1.a") == "1.a"


def test_is_maildir(maildir: Path) -> None:
    assert is_maildir(maildir)
    assert not is_maildir(maildir / "cur")
