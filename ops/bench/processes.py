"""What a server's processes cost: CPU seconds and memory of whole process trees, read from /proc.

The law: nothing is left out. A process that has ended and was waited for is in its parent's account (proc(5): cutime,
cstime), so the sum over a living tree holds its short-lived children too. What lives is read in nanoseconds, because
its ticks are rounded down, and a hundred fresh processes would hide a second.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
MB: Final = 1024 * 1024
TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")
_KB: Final = re.compile(r"^(Pss|Pss_Anon|Pss_File):\s+(\d+) kB", re.MULTILINE)


class Process(NamedTuple):
    """A row of /proc/PID/stat."""

    pid: int
    parent: int
    own_s: float  # CPU, user and system
    children_s: float  # that of all children it has waited for, and theirs


class Memory(NamedTuple):
    """Proportional set size of a tree, in bytes: a page that n processes share counts 1/n in each."""

    pss: int
    anonymous: int  # of it, what only this server can give back
    file: int  # of it, mapped files: programs, libraries and LMDB's pages, which are the page cache's


def parse_stat(text: str) -> Process:
    """A line of /proc/PID/stat (proc(5)); the name in parentheses may hold anything."""
    pid = int(text[: text.index(" ")])
    fields = text[text.rindex(")") + 2 :].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return Process(pid, int(fields[1]), (user + system) / TICKS_A_S, (children_user + children_system) / TICKS_A_S)


def everyone() -> Iterator[Process]:
    """All processes of the machine, as far as they stay long enough to be read."""
    for path in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield parse_stat(path.read_text())


def tree(roots: Iterable[int], processes: Iterable[Process]) -> list[Process]:
    """The roots that live, and all their descendants."""
    by_pid = {process.pid: process for process in processes}
    children: dict[int, list[int]] = {}
    for process in by_pid.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: dict[int, Process] = {}
    waiting = [root for root in roots if root in by_pid]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = by_pid[pid]
            waiting += children.get(pid, [])
    return list(found.values())


def cpu_s(roots: Iterable[int]) -> float:
    """CPU seconds that the trees have used until now."""
    return sum(max(each.own_s, _threads_s(each.pid)) + each.children_s for each in tree(roots, everyone()))


def _threads_s(pid: int) -> float:
    """The same as own_s in nanoseconds, but without threads that have ended; 0 where the kernel does not tell."""
    sum_ns = 0
    for path in (PROC / str(pid)).glob("task/*/schedstat"):
        with contextlib.suppress(OSError):
            sum_ns += int(path.read_text().split(" ", 1)[0])
    return sum_ns / 1e9


def memory(roots: Iterable[int]) -> Memory:
    """What the trees hold now, from smaps_rollup."""
    sums = {"Pss": 0, "Pss_Anon": 0, "Pss_File": 0}
    for process in tree(roots, everyone()):
        with contextlib.suppress(OSError):
            for name, kilobytes in _KB.findall((PROC / str(process.pid) / "smaps_rollup").read_text()):
                sums[name] += int(kilobytes) * 1024
    return Memory(sums["Pss"], sums["Pss_Anon"], sums["Pss_File"])
