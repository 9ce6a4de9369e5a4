"""A real etcd for the tests, of one member or three: in a folder of the test's, on free ports, gone with the process.

The law: no member outlives the process that started it, and fsync stays on.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from cluster.membership.settings import EtcdSettings
from ops import parts

PART: Final = "etcd"
LOOPBACK: Final = "127.0.0.1"
START_S: Final = 30.0
ELECTION_MS: Final = 1000  # etcd's default


class Tls(NamedTuple):
    """PEM files; clients must show a certificate of the same authority."""

    authority: Path
    certificate: Path
    key: Path


def free_ports(number: int) -> list[int]:
    """Ports that nobody has just now; another test may take one, so a start is tried again."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class EtcdMember:
    """One process. `kill`, `stop`, `pause` and `resume` act at once, `restart` starts it on its data again."""

    def __init__(self, command: Sequence[str], endpoint: str, data: Path) -> None:
        self._command = list(command)
        self._data = data
        self._log = data.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = endpoint

    def restart(self) -> None:
        """Start it; it does not answer yet."""
        self.stop()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *self._command], stdout=subprocess.DEVNULL, stderr=self._log.open("ab")
        )

    def stop(self) -> None:
        """SIGTERM: it leaves in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing is answered from now on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self._process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":  # a busy machine takes its time
            time.sleep(0.001)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def wipe(self) -> None:
        """Kill it and remove its data, as when its disk is lost."""
        self.kill()
        shutil.rmtree(self._data)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            if number != signal.SIGKILL:
                self._process.send_signal(signal.SIGCONT)
            self._process.wait(30)
            self._process = None


class Etcd:
    """A cluster: `with Etcd.start(folder) as etcd: etcd.endpoints`."""

    def __init__(self, members: list[EtcdMember], tls: Tls | None) -> None:
        self.members = members
        self.tls = tls

    @classmethod
    def start(cls, folder: Path, *, members: int = 1, tls: Tls | None = None, address: str = LOOPBACK) -> Self:
        """Start in the folder, for clients at this address, and wait until it answers."""
        for _ in range(3):
            etcd = cls(_plan(folder, members, tls=tls, address=address), tls)
            try:
                for member in etcd.members:
                    member.restart()
                etcd.wait()
                return etcd
            except _PortTaken:
                etcd.kill()
        raise AssertionError(etcd.members[0].said())

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Each member's address, http://127.0.0.1:PORT."""
        return tuple(member.endpoint for member in self.members)

    def settings(self, request_timeout_s: float = 5.0) -> EtcdSettings:
        """How to reach all of it, without a login."""
        if self.tls is None:
            return EtcdSettings(endpoints=self.endpoints, request_timeout_s=request_timeout_s)
        authority, certificate, key = map(str, self.tls)
        return EtcdSettings(endpoints=self.endpoints, authority=authority, certificate=certificate, key=key)

    def wait(self) -> None:
        """Until every member that runs is healthy."""
        until = time.monotonic() + START_S
        for member in self.members:
            while member.runs and not self._healthy(member):
                assert time.monotonic() < until, member.said()
                time.sleep(0.02)
            if not member.runs and "address already in use" in member.said():
                raise _PortTaken
        assert any(member.runs for member in self.members), self.members[0].said()

    def restart(self) -> None:
        """Start all that do not run, on their data, and wait until they answer."""
        for member in self.members:
            if not member.runs:
                member.restart()
        self.wait()

    def stop(self) -> None:
        """SIGTERM for all."""
        for member in self.members:
            member.stop()

    def kill(self) -> None:
        """SIGKILL for all."""
        for member in self.members:
            member.kill()

    def wipe(self) -> None:
        """Kill all and remove their data."""
        for member in self.members:
            member.wipe()

    def pause(self) -> None:
        """SIGSTOP for all."""
        for member in self.members:
            member.pause()

    def resume(self) -> None:
        """SIGCONT for all."""
        for member in self.members:
            member.resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _healthy(self, member: EtcdMember) -> bool:
        context = None
        if self.tls is not None:
            context = ssl.create_default_context(cafile=self.tls.authority)
            context.load_cert_chain(self.tls.certificate, self.tls.key)
        try:
            with urllib.request.urlopen(f"{member.endpoint}/health", timeout=1, context=context) as answer:
                return b'"true"' in answer.read()
        except (OSError, urllib.error.URLError):
            return False


class _PortTaken(Exception):
    pass


def _plan(folder: Path, number: int, *, tls: Tls | None, address: str) -> list[EtcdMember]:
    program = parts.find(PART)
    assert program, "mark the test with pytest.mark.part('etcd')"
    ports = free_ports(2 * number)
    scheme = "https" if tls else "http"
    folder = folder / f"etcd-{ports[0]}-{os.getpid()}"
    folder.mkdir(parents=True)
    peers = ",".join(f"m{at}=http://127.0.0.1:{ports[2 * at + 1]}" for at in range(number))
    members = []
    for at in range(number):
        client, peer = f"{scheme}://{address}:{ports[2 * at]}", f"http://127.0.0.1:{ports[2 * at + 1]}"
        command = [str(program), "--name", f"m{at}", "--data-dir", str(folder / f"m{at}")]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", peers, "--initial-cluster-state", "new", "--logger", "zap"]
        command += ["--election-timeout", str(ELECTION_MS)]
        if tls:
            command += ["--cert-file", str(tls.certificate), "--key-file", str(tls.key)]
            command += ["--client-cert-auth", "--trusted-ca-file", str(tls.authority)]
        members.append(EtcdMember(command, client, folder / f"m{at}"))
    return members
