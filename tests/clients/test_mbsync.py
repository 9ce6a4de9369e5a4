"""mbsync keeps a Maildir and an account alike: what happens on one side happens on the other, and then nothing more."""

import mailbox
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

pytestmark = pytest.mark.part("mbsync")

CONFIG = """\
IMAPAccount it
Host {host}
Port {port}
User {login}
Pass {password}
SSLType {tls}
CertificateFile {certificate}
SystemCertificates no
Timeout 20

IMAPStore far
Account it

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""


class Mbsync:
    """One configured mbsync with its Maildirs."""

    def __init__(self, program: Path, folder: Path, server: Peopled, login: str, tls: str) -> None:
        self._program = program
        self.mail = folder / "mail"
        self.mail.mkdir()
        self._config = folder / "mbsyncrc"
        port = server.ports["imaps" if tls == "IMAPS" else "imap"]
        self._config.write_text(
            CONFIG.format(
                host=HOST,
                port=port,
                login=login,
                password=PASSWORD,
                tls=tls,
                certificate=server.certificate,
                folder=folder,
            )
        )

    def run(self) -> str:
        """Synchronise; what it said. It must succeed."""
        done = subprocess.run(
            [self._program, "-c", self._config, "-D", "all"], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def settled(self) -> None:
        """Another run changes nothing on either side."""
        said = self.run()
        for command in ("APPEND", "STORE", "EXPUNGE", "CREATE", "DELETE"):
            assert not [line for line in said.splitlines() if line.startswith(">>>") and f" {command} " in line], said

    def box(self, name: str = "INBOX") -> mailbox.Maildir:
        """The near side of a mailbox."""
        return mailbox.Maildir(self.mail / name, create=False)

    def subjects(self, name: str = "INBOX") -> list[str]:
        """What is in it."""
        return sorted(str(found["Subject"]) for found in self.box(name))

    def flags(self, name: str = "INBOX") -> dict[str, str]:
        """The same with their flags, as a Maildir has them: letters in their order."""
        return {str(found["Subject"]): found.get_flags() for found in self.box(name)}


Begin = Callable[[str], Mbsync]


@pytest.fixture
def begin(program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str) -> Begin:
    """mbsync for this test's account, with the kind of TLS wanted."""
    return lambda tls: Mbsync(program("mbsync"), tmp_path, server, login, tls)


@pytest.mark.parametrize("tls", ["IMAPS", "STARTTLS"])
def test_deliveries_come_and_go_both_ways(server: Peopled, login: str, begin: Begin, tls: str) -> None:
    for number in range(5):
        server.deliver(message(f"far {number}"), login)
    sync = begin(tls)
    sync.run()
    assert sync.subjects() == [f"far {number}" for number in range(5)]

    near = mailbox.MaildirMessage(message("near", "Caf\xe9 \r\n.\r\n"))
    near.set_flags("FS")
    near.set_subdir("cur")
    sync.box().add(near)
    sync.run()
    with server.imap(login) as imap:
        imap.select()
        assert imap.search(None, "SUBJECT", "near", "SEEN", "FLAGGED") == ("OK", [b"6"])
    sync.settled()


def test_flags_and_expunges_cross(server: Peopled, login: str, begin: Begin) -> None:
    for number in range(6):
        server.deliver(message(f"m{number}"), login)
    sync = begin("IMAPS")
    sync.run()
    box = sync.box()
    keys = {str(found["Subject"]): key for key, found in box.items()}
    for subject, flags in (("m0", "R"), ("m1", "FS"), ("m2", "ST")):
        changed = box[keys[subject]]
        changed.set_flags(flags)
        changed.set_subdir("cur")
        box[keys[subject]] = changed
    with server.imap(login) as imap:
        imap.select()
        imap.store("4", "+FLAGS", r"(\Seen \Draft)")
        imap.store("5", "+FLAGS", r"(\Deleted)")
        imap.expunge()
    sync.run()
    with server.imap(login) as imap:
        imap.select()
        assert imap.fetch("1:*", "(FLAGS)")[1] == [
            rb"1 (FLAGS (\Answered))",
            rb"2 (FLAGS (\Seen \Flagged))",
            rb"3 (FLAGS (\Seen \Draft))",
            rb"4 (FLAGS ())",
        ]
    assert sync.subjects() == ["m0", "m1", "m3", "m5"]
    near = {str(found["Subject"]): found.get_flags() for found in sync.box()}
    assert near == {"m0": "R", "m1": "FS", "m3": "DS", "m5": ""}
    sync.settled()


def test_several_rounds_of_changes_on_both_sides(server: Peopled, login: str, begin: Begin) -> None:
    """Each round other messages get flags, are deleted and come, on either side; both are as they should be then."""
    dice = random.Random(1)
    for number in range(12):
        server.deliver(message(f"first {number:02d}"), login)
    sync = begin("IMAPS")
    sync.run()
    wanted = dict.fromkeys(sync.subjects(), "")
    for turn in range(1, 5):
        chosen = dice.sample(sorted(wanted), 8)
        _change_near(sync, chosen[:4], turn, wanted)
        _change_far(server, login, chosen[4:], turn, wanted)
        sync.run()
        assert sync.flags() == wanted == _flags(server, login)
        sync.settled()


# As a Maildir has them, and IMAP.
FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen"}


def _change_near(sync: Mbsync, chosen: list[str], turn: int, wanted: dict[str, str]) -> None:
    """One message is deleted, the others get flags, two are new."""
    box = sync.box()
    keys = {str(found["Subject"]): key for key, found in box.items()}
    box.remove(keys[chosen[0]])
    del wanted[chosen[0]]
    for subject, flags in zip(chosen[1:], ("S", "FR", "DFRS"), strict=True):
        changed = box[keys[subject]]
        changed.set_flags(flags)
        changed.set_subdir("cur")
        box[keys[subject]] = changed
        wanted[subject] = flags
    for number, flags in enumerate(("", "FS")):
        new = mailbox.MaildirMessage(message(f"near {turn}.{number}"))
        new.set_flags(flags)
        new.set_subdir("cur")
        box.add(new)
        wanted[f"near {turn}.{number}"] = flags


def _change_far(server: Peopled, login: str, chosen: list[str], turn: int, wanted: dict[str, str]) -> None:
    with server.imap(login) as imap:
        imap.select()
        for subject, flags in zip(chosen, (None, "R", "", "FS"), strict=True):
            (number,) = imap.search(None, "HEADER", "Subject", f'"{subject}"')[1][0].split()
            if flags is None:
                imap.store(number.decode(), "+FLAGS", r"(\Deleted)")
                imap.expunge()
                del wanted[subject]
            else:
                imap.store(number.decode(), "FLAGS", f"({' '.join(FLAGS[flag] for flag in flags)})")
                wanted[subject] = flags
        imap.append("INBOX", r"(\Seen)", "", message(f"far {turn}"))
        wanted[f"far {turn}"] = "S"


def _flags(server: Peopled, login: str) -> dict[str, str]:
    with server.imap(login) as imap:
        imap.select(readonly=True)
        rows = imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    found = {}
    for row in rows:
        if isinstance(row, tuple):
            subject = row[1].decode().partition(":")[2].strip()
            found[subject] = "".join(letter for letter, flag in FLAGS.items() if flag.encode() in row[0])
    return found


def test_a_mailbox_that_was_renamed_comes_under_its_new_name(server: Peopled, login: str, begin: Begin) -> None:
    with server.imap(login) as imap:
        imap.create("work")
        imap.append("work", r"(\Flagged)", "", message("filed"))
        imap.create("work/old")
        imap.create("empty")
    sync = begin("IMAPS")
    sync.run()
    with server.imap(login) as imap:
        imap.rename("work", "job")
        imap.rename("empty", "void")
    assert "work is not empty" in sync.run()  # what is full, mbsync never removes by itself
    assert sync.flags("job") == {"filed": "F"}
    assert {"job/old", "void"} <= {str(path.parent.relative_to(sync.mail)) for path in sync.mail.rglob("cur")}
    assert not (sync.mail / "empty" / "cur").exists()
    shutil.rmtree(sync.mail / "work" / "cur")  # this is how a person says so
    sync.run()
    sync.settled()


def test_folders_are_made_on_the_other_side(server: Peopled, login: str, begin: Begin) -> None:
    with server.imap(login) as imap:
        imap.create("work/2024")
        imap.append("work/2024", r"(\Seen)", '" 7-Feb-1994 21:52:25 -0800"', message("filed"))
        imap.create("Entw&APw-rfe")
    sync = begin("IMAPS")
    sync.run()
    assert sync.subjects("work/2024") == ["filed"]
    assert sync.box("work/2024").get_message(sync.box("work/2024").keys()[0]).get_date() == 760686745
    (sync.mail / "home").mkdir()
    mailbox.Maildir(sync.mail / "home" / "garden").add(message("roses"))
    sync.run()
    with server.imap(login) as imap:
        assert imap.select("home/garden") == ("OK", [b"1"])
    sync.settled()


def test_a_thousand_messages_and_some_megabytes(server: Peopled, login: str, begin: Begin) -> None:
    sync = begin("IMAPS")
    box = mailbox.Maildir(sync.mail / "many")
    for number in range(300):
        box.add(message(f"{number}", "x" * number))
    box.add(message("large", ("y" * 998 + "\r\n") * 5000))
    sync.run()
    with server.imap(login) as imap:
        assert imap.select("many") == ("OK", [b"301"])
    sync.settled()
