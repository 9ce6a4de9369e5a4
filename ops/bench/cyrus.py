"""Debian's Cyrus IMAP, which speaks JMAP too: the server to compare with where mail is read over HTTP.

The law: as its package has it, durable, in a directory of its own, with nothing of the machine changed but a user
`cyrus` as the package makes him: Debian's mail servers exclude one another, so its programs are only unpacked, and
copied to where that user may read them. What is set besides is written here and said in RESULTS.md.
"""

import contextlib
import datetime as dt
import os
import platform
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.certificates import self_signed
from ops import parts
from ops.bench.peers import (
    DOMAIN,
    HOST,
    PASSWORD,
    Ports,
    address,
    await_greeting,
    environment,
)
from ops.bench.services import stop
from ops.bench.varied import Letter, Mailbox
from ops.bench.wire import Client

CYRUS: Final = "Cyrus"
PART: Final = "cyrus"
USER: Final = "cyrus"
PROGRAMS: Final = "programs"  # in the server's directory
LIBRARIES: Final = f"{platform.machine()}-linux-gnu"
FOLDERS: Final = ("spool", "lock", "conf/db", "conf/socket", "conf/proc", "conf/log", "conf/msg", "conf/user")
APPENDED_AT_ONCE: Final = 500  # messages of one MULTIAPPEND
PREFORKED: Final = 4  # processes that wait for connections; each connection has one, and more are made for more


def missing(*, install: bool) -> str:
    """Why Cyrus cannot be measured here, after an attempt to fetch it; empty if it can."""
    if os.geteuid() != 0:
        return "Cyrus needs root"
    absent = parts.install_missing([PART]) if install else parts.missing([PART])
    return f"Cyrus: {parts.skip_reason(PART)}" if absent else ""


def version() -> str:
    """Of the unpacked package."""
    facts = parts.unpacked(PART) / "usr/lib/cyrus/cyrus-hardwired-config.txt"
    return facts.read_text().split()[1] if facts.exists() else ""


def appended(mailbox: Mailbox, letters: list[Letter]) -> bytes:
    """One command (RFC 3502, RFC 7888) that puts these into INBOX, with when they arrived."""
    pieces = [b"APPEND INBOX"]
    for letter in letters:
        raw = mailbox.raw(letter)
        arrived = dt.datetime.fromtimestamp(letter.arrived_s, dt.UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
        pieces.append(b' "%b" {%d+}\r\n%b' % (arrived.encode(), len(raw), raw))
    return b"".join(pieces)


@dataclass
class Cyrus:
    """Mail comes by LMTP, which is its port for mail."""

    directory: Path
    ports: Ports
    https: int
    name: str = CYRUS
    connections: int = 0  # without a bound

    @property
    def settings(self) -> str:
        """Passwords are checked by its own library, without a daemon. JMAP needs conversations. A domain that nobody
        has is the default one, so that logins are whole addresses."""
        home = self.directory
        certificate, key = self._certificate()
        return f"""\
configdirectory: {home}/conf
partition-default: {home}/spool
defaultpartition: default
proc_path: {home}/conf/proc
mboxname_lockpath: {home}/lock
cyrus_user: {USER}
servername: mx.{DOMAIN}
defaultdomain: default.invalid
virtdomains: userid
unixhierarchysep: yes
altnamespace: yes
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {home}/sasldb2
sasl_mech_list: PLAIN
httpmodules: jmap
conversations: yes
autocreate_quota: 0
autocreate_post: yes
maxmessagesize: 0
tls_server_cert: {certificate}
tls_server_key: {key}
"""

    @property
    def services(self) -> str:
        """What the master starts."""

        def listening(name: str, command: str, port: int, preforked: int) -> str:
            return (
                f'  {name} cmd="{programs}/{command} {self._configured}" listen="{HOST}:{port}" prefork={preforked}\n'
            )

        programs = self._program("")
        return (
            f'START {{\n  recover cmd="{self._program("ctl_cyrusdb")} {self._configured} -r"\n}}\nSERVICES {{\n'
            + listening("https", "httpd -s", self.https, PREFORKED)
            + listening("imap", "imapd", self.ports.imap, 0)
            + listening("lmtp", "lmtpd -a", self.ports.smtp, 1)
            + "}\nEVENTS {\n}\n"
        )

    @property
    def _configured(self) -> str:
        return f"-C {self.directory / 'imapd.conf'}"

    def _certificate(self) -> tuple[Path, Path]:
        return self_signed(self.directory / "tls", [f"mx.{DOMAIN}"], dt.datetime.now(dt.UTC))

    def _program(self, name: str) -> Path:
        return self.directory / PROGRAMS / "usr/lib/cyrus/bin" / name

    def furnish(self, accounts: int) -> None:
        """Passwords; a mailbox is made when somebody logs in for the first time."""
        _have_user()
        shutil.copytree(
            parts.unpacked(PART), self.directory / PROGRAMS, symlinks=True, ignore=shutil.ignore_patterns("doc", "man")
        )
        for name in FOLDERS:
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "imapd.conf").write_text(self.settings)
        (self.directory / "cyrus.conf").write_text(self.services)
        command = [str(self.directory / PROGRAMS / "usr/sbin/saslpasswd2"), "-p", "-c", "-u", DOMAIN]
        command += ["-f", str(self.directory / "sasldb2")]
        for account in range(accounts):
            user = address(account).partition("@")[0]
            subprocess.run([*command, user], input=PASSWORD.encode(), env=self._environment(), check=True)
        subprocess.run(["chown", "-R", f"{USER}:{USER}", str(self.directory)], check=True)

    def fill(self, messages: int, seconds_max: float) -> int:
        """No part measures it so."""
        raise NotImplementedError

    def fill_varied(self, mailbox: Mailbox) -> None:
        """By APPEND of many at once, without fsync: how long it takes is not measured."""
        with self._running(durable=False):
            client = Client(self.ports.imap, 0)
            try:
                for first in range(1, mailbox.count + 1, APPENDED_AT_ONCE):
                    last = min(mailbox.count, first + APPENDED_AT_ONCE - 1)
                    client.command(appended(mailbox, [mailbox.letter(number) for number in range(first, last + 1)]))
            finally:
                client.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[list[int]]:
        """Durable, as shipped."""
        with self._running(durable=True) as roots:
            yield roots

    @contextlib.contextmanager
    def _running(self, *, durable: bool) -> Iterator[list[int]]:
        """The master is in a session of its own; all that it started has ended with it."""
        log = self.directory / "master.log"
        command = [str(self._program("master")), *self._configured.split(" "), "-M", str(self.directory / "cyrus.conf")]
        command += ["-p", str(self.directory / "master.pid"), "-D"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=self._environment(durable=durable), start_new_session=True
            )
        try:
            await_greeting(self.ports, lambda: process.poll() is None, log)
            yield [process.pid]
        finally:
            stop(process)

    def _environment(self, *, durable: bool = True) -> dict[str, str]:
        """Where its programs find the libraries unpacked with them, and that one which forgets to write to disk."""
        folders = [self.directory / PROGRAMS / name / LIBRARIES for name in ("usr/lib", "lib")]
        environ = {**environment(), "LD_LIBRARY_PATH": ":".join(map(str, folders))}
        return environ if durable else {**environ, "LD_PRELOAD": str(folders[0] / "libeatmydata.so.1")}


def _have_user() -> None:
    """As its package and the peers' script make theirs."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER], check=True)
