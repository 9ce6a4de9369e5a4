"""How fast mail is relayed: taken by SMTP, queued durably, sent to another server; and the CPU that a message takes.

The law: the clock starts with the first message and stops when the sink (Postfix's smtp-sink) has answered the last
end of data with 250. Both servers have the same sender, the same sink, an empty queue on the same file system, and a
table that sends the sink's domain there. CPU is that of the server's whole process tree; the sink's is nobody's.
"""

import contextlib
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from cluster.errors import Misconfigured
from ops.bench import processes
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import (
    HOST,
    POSTFIX,
    SYSTEM_FOLDERS,
    Ports,
    Rookery,
    Server,
    await_end,
    await_greeting,
    environment,
    free_ports,
)
from ops.bench.varied import Mailbox

MESSAGES: Final = 5_000
QUICK: Final = 200
BYTES: Final = 4096
SESSIONS: Final = 20  # at once, each message on a connection of its own, as smtp-source does it
RECIPIENT: Final = "somebody@sink.test"
SENDER: Final = "sender@elsewhere.test"
RELAYED_S_MAX: Final = 600.0
_COUNTED: Final = re.compile(rb"mesg=(\d+)")


class Sink:
    """smtp-sink, which takes everything and keeps nothing; it counts what it has taken."""

    def __init__(self) -> None:
        self.port = free_ports().smtp
        self._taken = 0
        user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it will not run as root
        command = [program("smtp-sink"), *user, "-c", f"{HOST}:{self.port}", "1000"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._output: IO[bytes] = self._process.stdout  # type: ignore[assignment] # it is a pipe
        os.set_blocking(self._output.fileno(), False)
        await_greeting(Ports(self.port, self.port), lambda: self._process.poll() is None, Path("/nowhere"))

    def wait_for(self, messages: int) -> None:
        """Until so many were taken since the last call. Raises TimeoutError."""
        wanted = self._taken + messages
        deadline = time.monotonic() + RELAYED_S_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while self._taken < wanted:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"{self._taken} of {wanted} messages were relayed")
                for found in _COUNTED.finditer(self._output.read() or b""):
                    self._taken = int(found[1])

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
        self._output.close()


def program(name: str) -> str:
    """Where a program of Postfix is. Raises Misconfigured."""
    found = shutil.which(name, path=f"{SYSTEM_FOLDERS}:/usr/local/sbin:/usr/bin")
    if found is None:
        raise Misconfigured(f"{name} is not installed: apt install postfix.")
    return found


@dataclass
class RelayingRookery(Rookery):
    """Ours, with a route."""

    sink: int = 0

    @property
    def settings(self) -> str:
        """As it is measured elsewhere, and a route."""
        return f"""\
hostname = "mx.peer.test"
data = "{self.directory / "data"}"
[[listen]]
protocol = "smtp"
port = {self.ports.smtp}
[smtp]
relay_from = ["127.0.0.0/8"]
[outbound.routes]
"sink.test" = "sink"
[[outbound.route]]
name = "sink"
host = "{HOST}"
port = {self.sink}
"""


@dataclass
class RelayingPostfix:
    """Debian's Postfix alone, as it ships, with a transport table of one line."""

    directory: Path
    ports: Ports
    sink: int
    name: str = POSTFIX
    connections: int = 0

    def furnish(self, accounts: int) -> None:
        """It has none."""

    def fill(self, messages: int, seconds_max: float) -> int:  # noqa: ARG002 - Server's signature
        """There is nothing to fill."""
        return 0

    def fill_varied(self, mailbox: Mailbox) -> None:
        """Nor here."""

    @contextlib.contextmanager
    def running(self) -> Iterator[list[int]]:
        """An instance of its own, gone in the end."""
        config = self.directory / "postfix"
        for name in ("postfix", "spool", "data"):
            (self.directory / name).mkdir(exist_ok=True)
        shutil.chown(self.directory / "data", "postfix")
        (config / "main.cf").write_text(self._main())
        master = Path("/etc/postfix/master.cf").read_text()
        own = f"{HOST}:{self.ports.smtp} inet n - n - 200 smtpd"
        master = re.sub(r"^smtp      inet .*", own, master, flags=re.MULTILINE)
        # Nothing runs in a chroot: this spool has none.
        lines = [re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)\S+", r"\1n", line) for line in master.splitlines()]
        (config / "master.cf").write_text("\n".join(lines) + "\n")
        _run("postconf", "-e", f"alternate_config_directories = {config}")
        try:
            _run("postfix", "-c", str(config), "start")
            await_greeting(Ports(self.ports.smtp, self.ports.smtp), lambda: True, self.directory / "log")
            yield [int((self.directory / "spool/pid/master.pid").read_text())]
        finally:
            pid = self.directory / "spool/pid/master.pid"
            roots = [int(pid.read_text())] if pid.exists() else []
            _run("postfix", "-c", str(config), "stop", check=False)
            await_end(roots)
            _run("postconf", "-X", "alternate_config_directories")

    def _main(self) -> str:
        return f"""\
compatibility_level = 3.6
queue_directory = {self.directory}/spool
data_directory = {self.directory}/data
mail_owner = postfix
inet_interfaces = {HOST}
inet_protocols = ipv4
myhostname = mx.peer.test
mydestination =
mynetworks = 127.0.0.0/8
transport_maps = inline:{{ {{ sink.test = smtp:[{HOST}]:{self.sink} }} }}
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 200
smtp_destination_concurrency_limit = 40
in_flow_delay = 0
alias_maps =
maillog_file = /var/log/rookery-relay-postfix.log
"""


def measure(make: dict[str, Make], directory: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """The servers taking turns, each on an empty directory each time."""
    count = QUICK if quick else MESSAGES
    with contextlib.closing(Sink()) as sink:
        makers = relaying(sink, list(make))
        for number in range(rounds):
            for name in turns(list(makers), number):
                told(f"relay: round {number + 1} of {rounds}, {name}")
                with directory() as path:
                    yield from one_round(makers[name](path), sink, count)


def relaying(sink: Sink, names: list[str]) -> dict[str, Callable[[Path], Server]]:
    """Ours, and Postfix where the peers are measured."""
    made: dict[str, Callable[[Path], Server]] = {
        Rookery.name: lambda path: RelayingRookery(path, one_port(), sink=sink.port)
    }
    if len(names) > 1:
        made[POSTFIX] = lambda path: RelayingPostfix(path, one_port(), sink.port)
    return made


def one_port() -> Ports:
    """Of a server that has SMTP alone."""
    port = free_ports().smtp
    return Ports(port, port)


def one_round(server: Server, sink: Sink, count: int) -> Iterator[Value]:
    """Send once; the values."""
    with server.running() as roots:
        cpu_s, started = processes.cpu_s(roots), time.monotonic()
        send(server.ports.smtp, count)
        accepted_s = time.monotonic() - started
        sink.wait_for(count)
        relayed_s = time.monotonic() - started
        cpu_s = processes.cpu_s(roots) - cpu_s
    what = f"relay {BYTES // 1024} kB"
    yield Value(f"{what}: arrived at the sink", "messages/s", server.name, count / relayed_s)
    yield Value(f"{what}: accepted by SMTP", "messages/s", server.name, count / accepted_s)
    yield Value(f"{what}: CPU", "ms/message", server.name, cpu_s / count * 1000)


def send(port: int, count: int) -> None:
    """smtp-source, many sessions at once. Raises CalledProcessError if one message is refused."""
    options = ["-s", str(SESSIONS), "-m", str(count), "-l", str(BYTES), "-f", SENDER, "-t", RECIPIENT]
    subprocess.run([program("smtp-source"), *options, f"{HOST}:{port}"], check=True, timeout=RELAYED_S_MAX)


def _run(name: str, *arguments: str, check: bool = True) -> None:
    """A command of Postfix, in a session of its own: Ctrl-C must not end it half way."""
    subprocess.run(
        [program(name), *arguments],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=check,
    )
