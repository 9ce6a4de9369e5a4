"""offlineimap keeps a Maildir and an account alike, over rounds of changes on both sides."""

import mailbox
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

pytestmark = pytest.mark.part("offlineimap")

CONFIG = """\
[general]
accounts = it
metadata = {folder}/state
ui = basic
socktimeout = 20

[Account it]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/mail
sync_deletes = yes

[Repository far]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {login}
remotepass = {password}
ssl = yes
sslcacertfile = {certificate}
idlefolders = []
expunge = yes
"""
FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen"}


class Offlineimap:
    """One configured program with its Maildirs."""

    def __init__(self, program: Path, folder: Path, server: Peopled, login: str) -> None:
        self._program = program
        self._folder = folder
        self.mail = folder / "mail"
        (folder / "offlineimaprc").write_text(
            CONFIG.format(
                host=HOST,
                port=server.ports["imaps"],
                login=login,
                password=PASSWORD,
                certificate=server.certificate,
                folder=folder,
            )
        )

    def run(self) -> None:
        """Synchronise once, which must succeed."""
        done = subprocess.run(
            [self._program, "-o", "-c", self._folder / "offlineimaprc"],
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-3000:]
        assert "ERROR" not in said, said[-3000:]

    def box(self, name: str = "INBOX") -> mailbox.Maildir:
        """The near side of a mailbox."""
        return mailbox.Maildir(self.mail / name, create=False)

    def flags(self, name: str = "INBOX") -> dict[str, str]:
        """Subjects and flags, as a Maildir has them."""
        return {str(found["Subject"]): found.get_flags() for found in self.box(name)}


@pytest.fixture
def sync(program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str) -> Offlineimap:
    """offlineimap for this test's account."""
    return Offlineimap(program("offlineimap"), tmp_path, server, login)


def _far(server: Peopled, login: str, name: str = "INBOX") -> dict[str, str]:
    with server.imap(login) as imap:
        imap.select(name, readonly=True)
        rows = imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    found = {}
    for row in rows:
        if isinstance(row, tuple):
            subject = row[1].decode().partition(":")[2].strip()
            found[subject] = "".join(letter for letter, flag in FLAGS.items() if flag.encode() in row[0])
    return found


def test_rounds_of_changes_on_both_sides(server: Peopled, login: str, sync: Offlineimap) -> None:
    for number in range(6):
        server.deliver(message(f"far {number}"), login)
    sync.run()
    wanted = {f"far {number}": "" for number in range(6)}
    assert sync.flags() == wanted
    for turn in range(2):
        with server.imap(login) as imap:
            imap.select()
            imap.store("1", "+FLAGS", r"(\Flagged)" if turn == 0 else r"(\Answered)")
            imap.store("2", "+FLAGS", r"(\Deleted)")
            imap.expunge()
            imap.append("INBOX", r"(\Seen)", "", message(f"new far {turn}"))
        box = sync.box()
        keys = {str(found["Subject"]): key for key, found in box.items()}
        changed = box[keys[f"far {4 - turn}"]]
        changed.set_flags("FS")
        changed.set_subdir("cur")
        box[keys[f"far {4 - turn}"]] = changed
        box.add(mailbox.MaildirMessage(message(f"new near {turn}")))
        sync.run()
        wanted["far 0"] = ("F", "FR")[turn]
        del wanted[f"far {1 + turn}"]
        wanted |= {f"far {4 - turn}": "FS", f"new far {turn}": "S", f"new near {turn}": ""}
        assert sync.flags() == wanted == _far(server, login)
    box = sync.box()
    for key, found in box.items():
        if found["Subject"].startswith("new"):
            box.remove(key)
    sync.run()
    assert set(_far(server, login)) == {"far 0", "far 3", "far 4", "far 5"} == set(sync.flags())


def test_folders_are_made_on_the_other_side(server: Peopled, login: str, sync: Offlineimap) -> None:
    with server.imap(login) as imap:
        imap.create("work/2024")
        imap.append("work/2024", r"(\Seen)", "", message("filed"))
    sync.run()
    (made,) = [path.parent.name for path in sync.mail.rglob("cur") if "2024" in path.parent.name]
    assert sync.flags(made) == {"filed": "S"}
    near = mailbox.Maildir(sync.mail / "home")
    near.add(message("roses"))
    sync.run()
    assert set(_far(server, login, "home")) == {"roses"}
