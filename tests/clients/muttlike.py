"""mutt and neomutt, driven as a person would by keys, without a terminal."""

import subprocess
from pathlib import Path
from typing import Final

from tests.peopled import HOST, Peopled
from tests.running import PASSWORD

DEBUG: Final = ".*muttdebug*"  # both keep older ones beside the newest, by numbers
CONFIG: Final = """\
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
set header_cache = "{header_cache}"
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


class Muttlike:
    """One configured program. `more`: lines of its configuration, for which it keeps what it knows of mailboxes."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        server: Peopled,
        login: str,
        scheme: str,
        *,
        cache: bool = False,
        more: str = "",
    ) -> None:
        self._program = program
        self._folder = folder
        self._config = folder / "muttrc"
        header_cache = folder / "headers"
        if more:
            header_cache.mkdir()
        self._config.write_text(
            CONFIG.format(
                scheme=scheme,
                host=HOST,
                port=server.ports[scheme],
                login=login,
                password=PASSWORD,
                submission=server.ports["submission"],
                certificate=server.certificate,
                header_cache=header_cache if more else "",
            )
            + more
        )

    def press(self, keys: str) -> str:
        """Open the inbox and press these keys (mutt's own notation), then leave. What was said to the server."""
        for old in self._folder.glob(DEBUG):
            old.unlink()
        self._run(["-d", "3", "-e", f'push "{keys}<sync-mailbox><quit>"'], "")
        return "".join(path.read_text(errors="replace") for path in self._folder.glob(DEBUG))

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
            env={"HOME": str(self._folder), "TMPDIR": str(self._folder)}
            | {"TERM": "vt100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
