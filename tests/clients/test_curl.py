"""curl, a client of few words: it sends by SMTP, reads by IMAP and fetches by POP3."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

pytestmark = pytest.mark.part("curl")

Curl = Callable[..., bytes]


@pytest.fixture
def curl(program: Callable[[str], Path], server: Peopled, login: str) -> Curl:
    """Run curl as this test's account; what it printed."""

    def run(*arguments: str) -> bytes:
        common = ["--silent", "--show-error", "--cacert", str(server.certificate), "--user", f"{login}:{PASSWORD}"]
        done = subprocess.run([program("curl"), *common, *arguments], capture_output=True, timeout=20)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    return run


def test_curl_sends_and_reads(server: Peopled, login: str, curl: Curl, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(message("from curl", sender=login))
    curl(
        f"smtp://{HOST}:{server.ports['submission']}/client.example.test",
        "--ssl-reqd",
        *("--mail-from", login, "--mail-rcpt", login, "--upload-file", str(mail)),
    )
    url = f"imaps://{HOST}:{server.ports['imaps']}"
    assert curl(f"{url}/INBOX;MAILINDEX=1").endswith(message("from curl", sender=login))
    assert curl(f"{url}/INBOX;UID=1;SECTION=TEXT") == b"Some text.\r\n"
    assert b"SEARCH 1" in curl(f"{url}/INBOX?SUBJECT%20curl")
    curl(f"{url}/Archive", "--upload-file", str(mail))
    assert curl(f"{url}/Archive;MAILINDEX=1") == message("from curl", sender=login)
    assert b'"/" Archive' in curl(f"{url}/")


def test_curl_through_starttls(server: Peopled, login: str, curl: Curl) -> None:
    server.deliver(message("hello"), login)
    assert b"* 1 EXISTS" in curl(f"imap://{HOST}:{server.ports['imap']}", "--ssl-reqd", "--request", "EXAMINE INBOX")


@pytest.mark.parametrize(("scheme", "more"), [("pop3s", []), ("pop3", ["--ssl-reqd"])])
@pytest.mark.parametrize("how", ["PLAIN", "LOGIN"])
def test_curl_fetches(server: Peopled, login: str, curl: Curl, scheme: str, more: list[str], how: str) -> None:
    server.deliver(message("to fetch", ".dots\r\n"), login)
    options = [*more, "--login-options", f"AUTH={how}"]
    url = f"{scheme}://{HOST}:{server.ports[scheme]}"
    listed = curl(f"{url}/", *options).split()
    fetched = curl(f"{url}/1", *options)
    assert fetched.endswith(message("to fetch", ".dots\r\n"))
    assert listed == [b"1", b"%d" % len(fetched)]
    assert curl(f"{url}/", *options, "--request", "UIDL").endswith(b".1\r\n")
    curl(f"{url}/1", *options, "--request", "DELE", "--head")
    assert not curl(f"{url}/", *options).strip()
