"""`rookery import` and `rookery export`: what goes in comes out."""

import os
from pathlib import Path

import pytest

from cluster.errors import Misconfigured, Trouble
from ops.cli.transfer import told_how_to_go_on
from ops.transfer.send import Report
from tests.unit.ops.cli.conftest import Run, objects

FROM = b"From eve@example.org Tue Nov  3 12:00:00 2020\n"
MESSAGES = (
    b"Subject: plain\n\nHello\n",
    b"Subject: quoting\n\nFrom here\n>From there\n>>From everywhere\n",
    b"Subject: eight bits \xff\xfe\n\n\xe4\xf6\xfc\x00\n",
    b"Subject: no body\n\n",
    b"Subject: no blank line\n",
    b"\nno header\n",
    b"Subject: large\n\n" + b"0123456789abcdef\n" * 20_000,
    b"Subject: many blank lines\n\n\n\n\n",
)


def mbox_of(path: Path, *messages: bytes, flags: bytes = b"") -> Path:
    with path.open("wb") as file:
        for message in messages:
            quoted = b"".join(
                b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in message.splitlines(True)
            )
            file.write(FROM + flags + quoted + b"\n")
    return path


def maildir_of(path: Path, *messages: bytes, flags: str = "") -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    for number, message in enumerate(messages):
        file = path / "cur" / f"{1_600_000_000 + number}.x:2,{flags}"
        file.write_bytes(message)
        os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
    return path


def files_of(maildir: Path) -> list[Path]:
    return sorted((maildir / "cur").iterdir(), key=lambda path: int(path.name.partition("U")[2].partition(".")[0]))


def test_maildir_in_and_out(run: Run, alice: str, tmp_path: Path) -> None:
    source = maildir_of(tmp_path / "in", *MESSAGES, flags="FS")
    maildir_of(source / ".Sent Items", MESSAGES[0])
    maildir_of(source / ".A.B&APw-cher &- more", MESSAGES[1])
    assert f"Imported {len(MESSAGES) + 2} messages" in run("import", alice, source).stdout
    out = tmp_path / "out"
    assert f"Exported {len(MESSAGES) + 2} messages" in run("export", alice, out).stdout
    files = files_of(out)
    assert [path.read_bytes() for path in files] == list(MESSAGES)
    assert [path.stat().st_mtime for path in files] == [1_600_000_000 + n for n in range(len(MESSAGES))]
    assert all(path.name.endswith(":2,FS") for path in files)
    assert [path.read_bytes() for path in files_of(out / ".Sent")] == [MESSAGES[0]]
    assert [path.read_bytes() for path in files_of(out / ".A.B&APw-cher &- more")] == [MESSAGES[1]]


def test_mbox_in_and_out_and_in_again(run: Run, alice: str, tmp_path: Path) -> None:
    source = mbox_of(tmp_path / "Old.mbox", *MESSAGES, flags=b"Status: RO\nX-Keywords: work\n")
    run("import", alice, source)
    run("export", alice, tmp_path / "out", "--format", "mbox", "--mailbox", "Old")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Old.mbox"]
    run("import", alice, tmp_path / "out" / "Old.mbox", "--mailbox", "Again")
    run("export", alice, tmp_path / "first", "--mailbox", "Old")
    run("export", alice, tmp_path / "second", "--mailbox", "Again")
    first, second = files_of(tmp_path / "first" / ".Old"), files_of(tmp_path / "second" / ".Again")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.name.partition(":")[2] for path in first] == [path.name.partition(":")[2] for path in second]
    assert [path.stat().st_mtime for path in first] == [path.stat().st_mtime for path in second]
    assert (tmp_path / "first" / ".Old" / "dovecot-keywords").read_text() == "0 work\n"
    assert len(first) == len(MESSAGES)


def test_a_second_import_takes_what_is_new(run: Run, alice: str, tmp_path: Path) -> None:
    source = mbox_of(tmp_path / "Old.mbox", MESSAGES[0])
    run("import", alice, source)
    assert "Imported 0 messages" in run("import", alice, source).stdout
    with source.open("ab") as file:
        file.write(FROM + MESSAGES[1] + b"\n")
    assert "Imported 1 messages" in run("import", alice, source).stdout
    assert "Imported 2 messages" in run("import", alice, source, "--from-start").stdout
    (shown,) = objects(run("account", "show", alice, "--json"))
    assert shown["usage"]["messages"] == 4


def test_an_account_made_anew_gets_all(run: Run, alice: str, tmp_path: Path) -> None:
    source = mbox_of(tmp_path / "Old.mbox", MESSAGES[0])
    run("import", alice, source)
    run("account", "remove", alice, "--yes")
    run("account", "add", alice, "--generate")
    assert "Imported 1 messages" in run("import", alice, source).stdout


def test_a_second_export_adds_what_is_new(run: Run, alice: str, tmp_path: Path) -> None:
    run("import", alice, maildir_of(tmp_path / "in", *MESSAGES[:2]))
    out = tmp_path / "out"
    run("export", alice, out)
    first, second = files_of(out)
    first.write_bytes(b"cut by a full disk")
    run("import", alice, maildir_of(tmp_path / "more", MESSAGES[2]))
    assert "Exported 2 messages" in run("export", alice, out).stdout
    assert [path.read_bytes() for path in files_of(out)] == list(MESSAGES[:3])
    assert second.exists()


def test_bad_messages_are_named_at_the_end(run: Run, alice: str, tmp_path: Path) -> None:
    source = maildir_of(tmp_path / "in", MESSAGES[0], b"", MESSAGES[1])
    done = run("import", alice, source)
    assert done.exit_code == 1
    assert "Imported 2 messages" in done.stdout
    assert "1600000001.x" in done.stderr
    assert "1 messages could not be imported" in done.stderr


def test_a_full_mailbox_and_going_on(run: Run, alice: str, tmp_path: Path) -> None:
    run("account", "quota", alice, "0", "--messages", "1")
    source = maildir_of(tmp_path / "in", *MESSAGES[:2])
    with pytest.raises(Trouble, match="quota"):
        run("import", alice, source)
    run("account", "quota", alice, "0", "--messages", "0")
    assert "Imported 2 messages" in run("import", alice, source).stdout


def test_a_mailbox_that_becomes_full_and_going_on(
    run: Run, alice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.transfer.send.BATCH_MESSAGES", 1)
    run("account", "quota", alice, "0", "--messages", "2")
    source = maildir_of(tmp_path / "in", *MESSAGES[:3])
    with pytest.raises(Trouble, match="quota"):
        run("import", alice, source)
    run("account", "quota", alice, "0", "--messages", "0")
    assert "Imported 1 messages" in run("import", alice, source).stdout


@pytest.mark.parametrize(("resume", "words"), [(True, "the same command goes on"), (False, "without --from-start")])
def test_who_is_interrupted_learns_how_to_go_on(capsys: pytest.CaptureFixture[str], resume: bool, words: str) -> None:
    with pytest.raises(Misconfigured, match="gone"), told_how_to_go_on(Report(stored=7), resume=resume):
        raise OSError("gone")
    shown = capsys.readouterr().err
    assert "7 messages are in" in shown
    assert words in shown


def test_into_a_mailbox(run: Run, alice: str, tmp_path: Path) -> None:
    run("import", alice, mbox_of(tmp_path / "x.mbox", MESSAGES[0]), "--mailbox", "Archive/2019")
    run("export", alice, tmp_path / "out", "--format", "mbox", "--mailbox", "Archive/2019")
    assert (tmp_path / "out" / "Archive" / "2019.mbox").exists()


def test_a_mailbox_that_is_not_there(run: Run, alice: str, tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no mailbox Nowhere"):
        run("export", alice, tmp_path / "out", "--mailbox", "Nowhere")


def test_a_place_that_cannot_be_written(run: Run, alice: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cur").write_text("in the way")
    with pytest.raises(Trouble, match="cannot be written"):
        run("export", alice, tmp_path / "out")


def test_no_name_leads_out_of_the_export(run: Run, alice: str, tmp_path: Path) -> None:
    for name in ("../../escaped", "..", ".hidden"):
        run("import", alice, mbox_of(tmp_path / "x.mbox", MESSAGES[0]), "--mailbox", name)
    for format_ in ("mbox", "maildir"):
        run("export", alice, tmp_path / "deep" / "deep" / format_, "--format", format_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "deep", "x.mbox"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["deep"]
