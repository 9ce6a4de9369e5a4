"""The servers that are measured, each started empty in a directory of its own and gone without a trace afterwards.

The law: both run as an operator would run them, durable, on the same file system; what is set for either is written
here and said in RESULTS.md. Whatever happens, Ctrl-C too, what was started is stopped and its directory removed.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from ops.bench import texts
from ops.bench.varied import Mailbox

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT.parent / "shared" / "peers" / "postfix-dovecot"
HOST: Final = "127.0.0.1"
DOMAIN: Final = "peer.test"  # what the peers' script serves, so ours too: the senders' command lines are the same
PASSWORD: Final = "secret"  # noqa: S105 - on loopback, for minutes
START_S_MAX: Final = 60.0
STOP_S_MAX: Final = 60.0
FILL_S_MAX: Final = 600.0  # of one import
IMPORTED_AT_ONCE: Final = 10_000  # messages of one `doveadm import`; divides what is asked for
SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin"  # not on every user's PATH
IMAP_PER_IP_MAX: Final = 2000  # all clients of a benchmark come from one address; more where a part needs them
PEERS_CONNECTIONS_MAX: Final = 1000  # of IMAP, as the peers' script has it

OURS: Final = "Rookery"
SQLITE: Final = "Rookery on SQLite"
UNINDEXED: Final = "Rookery without an index"
PEERS: Final = "Postfix + Dovecot"
POSTFIX: Final = "Postfix"  # alone, where mail is only relayed


class Ports(NamedTuple):
    """Where a server listens on HOST."""

    smtp: int
    imap: int


class Server(Protocol):
    """A server that can be started on a directory, and again on the same."""

    name: str
    directory: Path
    ports: Ports
    connections: int  # of IMAP at once, which a part may raise before a start

    def furnish(self, accounts: int) -> None:
        """Make the accounts user0@DOMAIN and so on, before a start."""
        ...

    def fill(self, messages: int, seconds_max: float) -> int:
        """Put so many more small messages into user0's INBOX, between starts; how many there was time for."""
        ...

    def fill_varied(self, mailbox: Mailbox) -> None:
        """Put all of this into user0's INBOX, between starts."""
        ...

    def running(self) -> contextlib.AbstractContextManager[list[int]]:
        """Start, and stop in the end; gives the processes at the roots of its trees."""
        ...


def address(account: int) -> str:
    """An account's address and login."""
    return f"user{account}@{DOMAIN}"


def free_ports() -> Ports:
    """Two ports that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return Ports(one.getsockname()[1], other.getsockname()[1])


@contextlib.contextmanager
def scratch(directory: Path) -> Iterator[Path]:
    """A fresh directory that other users may pass (Postfix and Dovecot run as several), removed in the end."""
    path = Path(tempfile.mkdtemp(prefix="rookery-bench-", dir=directory))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class Rookery:
    """`rookery alone --config`, with a file as `rookery config` prints it, but for what `settings` says."""

    directory: Path
    ports: Ports
    store: Literal["lmdb", "sqlite"] = "lmdb"
    name: str = OURS
    checks: tuple[str, ...] = ()
    connections: int = IMAP_PER_IP_MAX
    index: Literal["", "all", "off"] = ""  # for searching; "" is as shipped, which is on demand

    @property
    def settings(self) -> str:
        """The whole settings file. Without TLS and without checks on mail (SPF and the like), because the peers' script
        has none; what checks cost is measured by itself (inbound.py)."""
        return f"""\
hostname = "mx.{DOMAIN}"
data = "{self.directory / "data"}"
[[listen]]
protocol = "smtp"
port = {self.ports.smtp}
[[listen]]
protocol = "imap"
port = {self.ports.imap}
[imap]
plaintext_login = true
connections_per_ip_max = {self.connections}
connections_per_account_max = {self.connections}
[trust]
checks = [{", ".join(f'"{check}"' for check in self.checks)}]
[store]
kind = "{self.store}"
{f'[search]{chr(10)}index = "{self.index}"{chr(10)}' if self.index else ""}"""

    def furnish(self, accounts: int) -> None:
        """A domain and accounts."""
        self._load("accounts", accounts)

    def fill(self, messages: int, seconds_max: float) -> int:  # noqa: ARG002 - Server's signature; it takes minutes
        """All of them."""
        self._load("messages", messages)
        return messages

    def fill_varied(self, mailbox: Mailbox) -> None:
        """With when each arrived, and the index of them, if there is to be one."""
        self._load("indexed" if self.index == "all" else "varied", mailbox.count)

    def _load(self, what: str, count: int) -> None:
        """Run one of ops/bench/filling.py's loaders while the server is down."""
        command = [sys.executable, "-m", "ops.bench.filling", str(self.directory / "data"), self.store, what]
        subprocess.run([*command, str(count)], env=environment(), check=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[list[int]]:
        """The process is in a session of its own: a Ctrl-C reaches it by us, when we have finished with it."""
        config = self.directory / "rookery.toml"
        config.write_text(self.settings)
        command = [sys.executable, "-m", "ops.cli", "alone", "--config", str(config)]
        log = self.directory / "rookery.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment(), cwd=self.directory, start_new_session=True
            )
        try:
            await_greeting(self.ports, lambda: process.poll() is None, log)
            yield [process.pid]
        finally:
            process.terminate()
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class PostfixDovecot:
    """Debian's Postfix and Dovecot, by the script that is given."""

    directory: Path
    ports: Ports
    script: Path = SCRIPT
    name: str = PEERS
    connections: int = PEERS_CONNECTIONS_MAX

    def furnish(self, accounts: int) -> None:
        """Every address is an account there: the script's user database is a rule."""

    def fill(self, messages: int, seconds_max: float) -> int:
        """By `doveadm import` of the same mbox over and over, without fsync: how long it takes is not measured."""
        content = texts.mbox(min(messages, IMPORTED_AT_ONCE))
        done, deadline = 0, time.monotonic() + seconds_max
        with self.running():
            while done < messages and time.monotonic() < deadline:
                self._import(content, seconds_max)
                done += min(messages, IMPORTED_AT_ONCE)
        return done

    def fill_varied(self, mailbox: Mailbox) -> None:
        """By `doveadm import`, which takes when each arrived from the mbox."""
        with self.running():
            for first in range(1, mailbox.count + 1, IMPORTED_AT_ONCE):
                last = min(mailbox.count, first + IMPORTED_AT_ONCE - 1)
                self._import(mailbox.mbox(first, last), FILL_S_MAX)

    def _import(self, content: bytes, seconds_max: float) -> None:
        """One mbox into user0's INBOX."""
        with tempfile.TemporaryDirectory(dir=self.directory, prefix="fill-") as folder:
            Path(folder).chmod(0o777)  # Dovecot's user keeps the index of the mbox there
            mbox = Path(folder) / "fill.mbox"
            mbox.write_bytes(content)
            command = ["doveadm", "-c", str(self.directory / "dovecot.conf"), "-o", "mail_fsync=never", "import"]
            command += ["-u", address(0), f"mbox:{folder}:INBOX={mbox}", "", "ALL"]
            subprocess.run(command, check=True, env=environment(), timeout=seconds_max)

    @contextlib.contextmanager
    def running(self) -> Iterator[list[int]]:
        """Both are stopped, and waited for, in the end."""
        try:
            self._run("start")
            if self.connections > PEERS_CONNECTIONS_MAX:
                self._raise_limits()
            await_greeting(self.ports, lambda: True, self.directory / "dovecot.log")
            roots = self.roots()
            if len(roots) != len(_PID_FILES):
                raise RuntimeError(f"the peers did not come up: see {self.directory / 'dovecot.log'}")
            yield roots
        finally:
            roots = self.roots()
            self._run("stop")
            await_end(roots)

    def _raise_limits(self) -> None:
        """A process for each connection, and as many connections of one user."""
        with (self.directory / "dovecot.conf").open("a") as config:
            config.write(
                f"mail_max_userip_connections = {self.connections}\n"
                f"service imap {{\n  process_limit = {self.connections}\n}}\n"
                f"service imap-login {{\n  client_limit = {self.connections}\n}}\n"
                f"service anvil {{\n  client_limit = {2 * self.connections}\n}}\n"
            )
        command = ["doveadm", "-c", str(self.directory / "dovecot.conf"), "reload"]
        subprocess.run(command, check=True, env=environment(), timeout=START_S_MAX)

    def roots(self) -> list[int]:
        """The two master processes."""
        files = [self.directory / name for name in _PID_FILES]
        return [int(path.read_text()) for path in files if path.exists()]

    def _run(self, verb: str) -> None:
        environ = environment() | {"PEER_SMTP": str(self.ports.smtp), "PEER_IMAP": str(self.ports.imap)}
        # In a session of its own: Ctrl-C must not end it half way. What it leaves running has our pipes closed.
        done = subprocess.run(
            [str(self.script), verb, str(self.directory)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        if verb == "start" and done.returncode:
            raise RuntimeError(f"{self.script} start failed: see {self.directory / 'dovecot.log'}")


_PID_FILES: Final = ("spool/pid/master.pid", "run/master.pid")


def missing(script: Path) -> str:
    """Why the peers cannot be measured here; empty if they can."""
    if not script.exists():
        return f"{script} is missing"
    if os.geteuid() != 0:
        return "Postfix and Dovecot need root"
    folders = environment()["PATH"]
    absent = [name for name in ("postfix", "dovecot", "doveadm") if shutil.which(name, path=folders) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def environment() -> dict[str, str]:
    """Where a server started by us finds its programs and our code."""
    path = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}"
    return {**os.environ, "PATH": path, "PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}"}


def await_greeting(ports: Ports, alive: Callable[[], bool], log: Path) -> None:
    """Until both ports greet. Raises RuntimeError with the end of the log."""
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline and alive():
        with contextlib.suppress(OSError):
            for port in ports:
                with socket.create_connection((HOST, port), 5) as connection:
                    if not connection.recv(100):
                        raise ConnectionError
            return
        time.sleep(0.05)
    raise RuntimeError(
        "the server did not come up:\n" + (log.read_text(errors="replace")[-4000:] if log.exists() else "")
    )


def await_end(pids: list[int]) -> None:
    """Until these processes have ended; they are killed where that takes too long."""
    deadline = time.monotonic() + STOP_S_MAX
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)
