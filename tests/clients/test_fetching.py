"""getmail and fetchmail take mail away: each message once, left on the server or deleted there."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

GETMAIL = """\
[retriever]
type = SimpleIMAPSSLRetriever
server = {host}
port = {port}
username = {login}
password = {password}
ca_certs = {certificate}
mailboxes = ("INBOX",)

[destination]
type = MDA_external
path = /usr/bin/tee
arguments = ("-a", "{folder}/taken")
allow_root_commands = true

[options]
read_all = false
delete = {delete}
delivered_to = false
received = false
"""
FETCHMAIL = """\
poll {host} protocol IMAP port {port}
    user "{login}" password "{password}" ssl sslcertfile "{certificate}" sslcertck
    mda "cat >> {folder}/taken" {keep}
"""


def _run(command: list[str], folder: Path, *, may_be: tuple[int, ...] = (0,)) -> str:
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "FETCHMAILHOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environ)
    assert done.returncode in may_be, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def _taken(folder: Path) -> list[str]:
    """The subjects of what was taken this time."""
    lines = (folder / "taken").read_text().splitlines()
    return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]


@pytest.mark.part("getmail")
def test_getmail_takes_each_message_once(
    program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str
) -> None:
    config = tmp_path / "getmailrc"

    def take(*, delete: bool) -> list[str]:
        (tmp_path / "taken").write_text("")
        values = {"host": HOST, "port": server.ports["imaps"], "login": login, "password": PASSWORD}
        values |= {"certificate": server.certificate, "folder": tmp_path, "delete": str(delete).lower()}
        config.write_text(GETMAIL.format(**values))
        _run([str(program("getmail")), "--getmaildir", str(tmp_path), "--rcfile", str(config)], tmp_path)
        return _taken(tmp_path)

    for number in range(3):
        server.deliver(message(f"letter {number}"), login)
    assert take(delete=False) == ["letter 0", "letter 1", "letter 2"]
    server.deliver(message("letter 3"), login)
    assert take(delete=False) == ["letter 3"]
    with server.imap(login) as imap:
        assert imap.select() == ("OK", [b"4"])
    server.deliver(message("letter 4", "y" * 100_000), login)
    assert take(delete=True) == ["letter 4"]
    with server.imap(login) as imap:
        assert imap.select() == ("OK", [b"0"])


@pytest.mark.part("fetchmail")
def test_fetchmail_takes_what_is_not_seen(
    program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str
) -> None:
    config = tmp_path / "fetchmailrc"

    def take(keep: str) -> list[str]:
        (tmp_path / "taken").write_text("")
        values = {"host": HOST, "port": server.ports["imaps"], "login": login, "password": PASSWORD, "keep": keep}
        config.write_text(FETCHMAIL.format(**values, certificate=server.certificate, folder=tmp_path))
        config.chmod(0o600)
        command = [str(program("fetchmail")), "--fetchmailrc", str(config), "--nodetach", "--nosyslog"]
        _run([*command, "--pidfile", str(tmp_path / "pid")], tmp_path, may_be=(0, 1))  # 1: there was none
        return _taken(tmp_path)

    for number in range(3):
        server.deliver(message(f"letter {number}"), login)
    assert take("keep") == ["letter 0", "letter 1", "letter 2"]
    assert take("keep") == []
    with server.imap(login) as imap:
        imap.select()
        assert imap.search(None, "SEEN")[1] == [b"1 2 3"]
    server.deliver(message("letter 3"), login)
    assert take("nokeep") == ["letter 3"]
    assert take("nokeep fetchall") == ["letter 0", "letter 1", "letter 2"]
    with server.imap(login) as imap:
        assert imap.select() == ("OK", [b"0"])
