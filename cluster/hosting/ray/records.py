"""What the processes of one node tell those that come after them: a file each, locked while its process lives.

The law: the lock says who lives, the contents only who it is; so two processes under one name never serve at once on
a node, whatever Ray believes, and no other program is ever signalled by a number that was used again.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

FOLDER: Final = "processes"
STOPPING: Final = "stopping"  # while this file is there, nothing starts on the node
WAIT_S: Final = 10.0  # for a predecessor that Ray has given up; then it is killed
POLL_S: Final = 0.05


class Record(msgspec.Struct, frozen=True):
    """Who holds a name on this node."""

    pid: int = 0
    role: str = ""
    failures: int = 0  # ends in a row that were nobody's wish


class Hold:
    """A name, held until the process ends."""

    def __init__(self, file: IO[bytes], before: Record) -> None:
        self._file = file
        self.failures = before.failures

    def note(self, role: str, failures: int) -> None:
        """Write who this is."""
        self.failures = failures
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(Record(os.getpid(), role, failures)))
        self._file.flush()


def hold(state: Path, name: str, role: str, *, wait_s: float = WAIT_S) -> Hold:
    """Hold the name, when its last holder has ended; one that does not end within `wait_s` is killed."""
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / name).open("a+b")
    if not _locked(file, wait_s):
        _signal(_read(folder / name), signal.SIGKILL)
        fcntl.flock(file, fcntl.LOCK_EX)
    held = Hold(file, _read(folder / name))
    held.note(role, held.failures)
    return held


def is_stopping(state: Path) -> bool:
    """Whether the node is being stopped."""
    return (state / STOPPING).exists()


@contextlib.contextmanager
def stopping(state: Path) -> Iterator[None]:
    """Nothing starts on the node meanwhile."""
    (state / STOPPING).touch()
    try:
        yield
    finally:
        (state / STOPPING).unlink(missing_ok=True)


def living(state: Path) -> dict[str, Record]:
    """Those that hold their name now."""
    folder = state / FOLDER
    found: dict[str, Record] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        with path.open("rb") as file:
            if not _locked(file, 0.0):
                found[path.name] = _read(path)
    return found


def end_all(state: Path, order: tuple[str, ...], deadline_s: float, tell: Callable[[str], None]) -> bool:
    """SIGTERM to all, those of one role after those of the one before have ended; whether all did in time.

    `order`: roles; those of none of these go last. Whoever is left at the deadline is killed.
    """
    until = time.monotonic() + deadline_s
    # Again and again: Ray may have been starting one as the stop began.
    while (everyone := living(state)) and time.monotonic() < until:
        first = min(_rank(record, order) for record in everyone.values())
        group = {name: record for name, record in everyone.items() if _rank(record, order) == first}
        tell(", ".join(sorted(group)))
        for record in group.values():
            _signal(record, signal.SIGTERM)
        while group.keys() & living(state).keys() and time.monotonic() < until:
            time.sleep(POLL_S)
    left = living(state)
    for record in left.values():
        _signal(record, signal.SIGKILL)
    return not left


def _rank(record: Record, order: tuple[str, ...]) -> int:
    return order.index(record.role) if record.role in order else len(order)


def _locked(file: IO[bytes], wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
        else:
            return True


def _read(path: Path) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return Record()


def _signal(record: Record, number: int) -> None:
    if record.pid > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)
