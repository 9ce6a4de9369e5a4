"""mutt, driven as a person would by keys, without a terminal: it reads, copies, saves, deletes and sends."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

pytestmark = pytest.mark.part("mutt")

CONFIG = """\
set folder = "{scheme}://{host}:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{login}"
set imap_pass = "{password}"
set smtp_url = "smtp://{login}@{host}:{submission}/"
set smtp_pass = "{password}"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{certificate}"
set ssl_verify_host = no
set from = "{login}"
set realname = "Somebody"
set hostname = "client.example.test"
set record = "+Sent"
set header_cache = ""
set delete = yes
set move = no
set confirmappend = no
set confirmcreate = no
set mail_check = 0
set wait_key = no
set quit = yes
set sleep_time = 0
unset help
"""


class Mutt:
    """One configured mutt."""

    def __init__(self, program: Path, folder: Path, server: Peopled, login: str, scheme: str) -> None:
        self._program = program
        self._folder = folder
        self._config = folder / "muttrc"
        self._config.write_text(
            CONFIG.format(
                scheme=scheme,
                host=HOST,
                port=server.ports[scheme],
                login=login,
                password=PASSWORD,
                submission=server.ports["submission"],
                certificate=server.certificate,
            )
        )

    def press(self, keys: str) -> None:
        """Open the inbox and press these keys (mutt's own notation), then leave."""
        self._run(["-e", f'push "{keys}<sync-mailbox><quit>"'], "")

    def send(self, subject: str, body: str, to: str) -> None:
        """Send a message and file it in Sent."""
        self._run(["-s", subject, "--", to], body)

    def _run(self, arguments: list[str], given: str) -> None:
        command = [str(self._program), "-n", "-F", str(self._config), *arguments]
        if not given:  # the screen needs a terminal: `script` makes one
            quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
            command = ["script", "-qec", quoted, "/dev/null"]
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            timeout=30,
            env={"HOME": str(self._folder), "TERM": "vt100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture
def begin(program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str) -> Callable[[str], Mutt]:
    """mutt for this test's account, with `imap` (STARTTLS) or `imaps`."""
    return lambda scheme: Mutt(program("mutt"), tmp_path, server, login, scheme)


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_a_mailbox_is_read_filed_and_emptied(
    server: Peopled, login: str, begin: Callable[[str], Mutt], scheme: str
) -> None:
    for number in range(1, 5):
        server.deliver(message(f"letter {number}"), login)
    begin(scheme).press(
        "<first-entry><display-message><exit>"  # 1 is read
        "2<enter><copy-message>=Archive<enter>"
        "3<enter><save-message>=kept/here<enter>"
        "4<enter><delete-message>"
    )
    with server.imap(login) as imap:
        imap.select()
        assert imap.search(None, "ALL")[1] == [b"1 2"]
        assert imap.search(None, "SEEN")[1] == [b"1"]
        for box, subject in (("Archive", b"letter 2"), ("kept/here", b"letter 3")):
            assert imap.select(box) == ("OK", [b"1"])
            fetched = imap.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0]
            assert isinstance(fetched, tuple)
            assert subject in fetched[1]


def test_a_message_is_sent_and_filed(server: Peopled, login: str, begin: Callable[[str], Mutt]) -> None:
    begin("imaps").send("From mutt", "Grüße\n.\nfrom a dot\n", login)
    with server.imap(login) as imap:
        for box in ("INBOX", "Sent"):
            assert imap.select(box) == ("OK", [b"1"])
            assert imap.search("UTF-8", "SUBJECT", '"From mutt"', "BODY", '"from a dot"')[1] == [b"1"]
