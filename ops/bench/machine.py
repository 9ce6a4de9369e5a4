"""What the figures were measured on, because they mean nothing without it.

The law: measured or read here and now, never remembered.
"""

import datetime as dt
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from ops.bench import cyrus
from ops.bench.peers import ROOT

FSYNCS: Final = 200
FSYNC_BYTES: Final = 4096


class Machine(NamedTuple):
    """Texts for people."""

    when: str
    processor: str
    memory: str
    system: str
    disk: str
    versions: str
    load: str


def describe(directory: Path) -> Machine:
    """The machine now, and the disk that the servers write to."""
    model = re.search(r"model name\s*:\s*(.+)", _read(Path("/proc/cpuinfo")))
    total = re.search(r"MemTotal:\s+(\d+)", _read(Path("/proc/meminfo")))
    return Machine(
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores",
        f"{int(total[1]) / 1024 / 1024:.0f} GiB" if total else "unknown",
        f"{_os_name()}, Linux {platform.release()}",
        f"{file_system(directory)}, write and fdatasync of 4 KiB {fsync_ms(directory):.2f} ms (median of {FSYNCS})",
        ", ".join(filter(None, [_rookery(), f"Python {platform.python_version()}", _postfix(), _dovecot(), _cyrus()])),
        f"{os.getloadavg()[0]:.1f} in the minute before",
    )


def fsync_ms(directory: Path) -> float:
    """The median time of a durable write of 4 KiB."""
    path = directory / f"rookery-fsync-{os.getpid()}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        times = [_timed_write(file) for _ in range(FSYNCS)]
    finally:
        os.close(file)
        path.unlink()
    return median(times) * 1000


def _timed_write(file: int) -> float:
    started = time.perf_counter()
    os.write(file, b"x" * FSYNC_BYTES)
    os.fdatasync(file)
    return time.perf_counter() - started


def file_system(directory: Path) -> str:
    """The kind of the file system that a directory is on, by the longest mount point."""
    return kind_in(_read(Path("/proc/mounts")), directory.resolve())


def kind_in(mounts: str, directory: Path) -> str:
    """The same from the text of /proc/mounts (fstab(5): device, mount point, kind, options)."""
    rows = [line.split(" ") for line in mounts.splitlines()]
    fitting = [(len(row[1]), row[2]) for row in rows if len(row) > 2 and directory.is_relative_to(row[1])]
    return max(fitting)[1] if fitting else "unknown file system"


def _os_name() -> str:
    found = re.search(r'PRETTY_NAME="(.+)"', _read(Path("/etc/os-release")))
    return found[1] if found else platform.system()


def _rookery() -> str:
    revision = _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return f"Rookery {revision}" if revision else ""


def _postfix() -> str:
    version = _said(["postconf", "-d", "-h", "mail_version"])
    return f"Postfix {version}" if version else ""


def _dovecot() -> str:
    version = _said(["dovecot", "--version"])
    return f"Dovecot {version.split()[0]}" if version else ""


def _cyrus() -> str:
    version = cyrus.version()
    return f"Cyrus {version}" if version else ""


def _said(command: list[str]) -> str:
    environ = os.environ | {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=20)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
