"""`rookery node`: Ray's processes on this machine, kept by one that stops them in order.

The law: one of these for each state directory, by a lock; when it ends, so do all it started. A stop asks our processes
first, role by role (Ray would kill them with no word), and only then Ray's.
"""

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from cluster.errors import Locked, Misconfigured
from cluster.hosting.ray import environment, records
from cluster.hosting.ray.place import CONTROLLER, GATEWAY
from cluster.hosting.ray.reach import await_head, claim, is_loopback
from cluster.hosting.settings import ClusterSettings
from cluster.membership.members import KINDS

ORDER: Final = (GATEWAY, *KINDS, CONTROLLER)  # who asks leaves before who is asked
START_S: Final = 60.0
STOP_S: Final = 20.0  # for Ray's own processes
SESSIONS_KEPT: Final = 3  # Ray leaves a folder of logs for each start
LOCK: Final = "node.lock"
READY: Final = "ready"
LOG: Final = "node.log"
POLL_S: Final = 0.1
TOKEN_BYTES: Final = 32
_PDEATHSIG: Final = 1  # prctl(2)


def node_name(settings: ClusterSettings) -> str:
    """This node's name."""
    return settings.node or socket.gethostname()


def up_text(settings: ClusterSettings, *, head: bool) -> str:
    """What a person hears of a node that is up: of a head also how others join it."""
    name = node_name(settings)
    address = environment.head_address(settings.ray) if head else ""
    if not address:
        return f"Node {name} is up."
    if is_loopback(address):
        return (
            f"Node {name} is up, for this machine alone ({address}): others can join once [cluster] host is set here."
        )
    return f"Node {name} is up; others join it with --join {address}."


def prepare(settings: ClusterSettings, *, head: bool) -> Path:
    """The state directory, and on a head the token, made where they are not there. Raises Misconfigured."""
    state = Path(settings.ray.state)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = environment.token_file(settings.ray)
        if head and not token.exists():
            handle = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, environment.TOKEN_MODE)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(TOKEN_BYTES))
    except OSError as error:
        raise Misconfigured(
            f"Cannot use {error.filename}: {error.strerror}; check cluster.ray in the settings."
        ) from error
    return state


def run(
    settings: ClusterSettings, *, head: str, drain_s: float, tell: Callable[[str], None], autoscaling: str = ""
) -> int:
    """Be a node until SIGTERM or SIGINT; 0 when all ended in order, 1 when Ray ended by itself or some were killed.

    `head`: HOST:PORT to join; empty: be the head. `autoscaling`: what `ray up` wrote for it. Raises Misconfigured,
    Locked, Unavailable.
    """
    state = prepare(settings, head=not head)
    with _locked(state) as _:
        (state / records.STOPPING).unlink(missing_ok=True)
        (state / READY).unlink(missing_ok=True)
        _tidy(environment.session(settings.ray))
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: asked.append(number))
        if head:
            await_head(head, asked, START_S, tell)
        else:
            claim(settings.ray.port)
        if asked:
            return 0
        child = _start(settings, head, autoscaling)
        try:
            _await_start(child, state, asked)
            if not asked:
                tell(up_text(settings, head=not head))
                (state / READY).touch()
            while not asked and child.poll() is None:
                time.sleep(POLL_S)
            return _stop(child, state, drain_s, tell) if asked else 1
        finally:
            (state / READY).unlink(missing_ok=True)
            _end(child)


def start_background(command: Sequence[str], settings: ClusterSettings, *, head: bool) -> None:
    """Run `command` (a `rookery node`, the `head` or another) on its own; returns when the node is up. Raises
    Misconfigured."""
    state = prepare(settings, head=head)
    environment.client_environment(settings.ray)  # a token that is missing is told here, not in a log
    with (state / LOG).open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 (as below)
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    until = time.monotonic() + START_S + STOP_S  # it gives up by itself first, and its log then says why
    while time.monotonic() < until and child.poll() is None:
        if (state / READY).exists() and is_running(settings):
            return
        time.sleep(POLL_S)
    raise Misconfigured(f"The node did not come up; {state / LOG} says why: {_tail(state / LOG)}")


def is_running(settings: ClusterSettings) -> bool:
    """Whether a node runs on this machine with this state directory."""
    return _keeper(settings) is not None


def stop_background(settings: ClusterSettings, drain_s: float) -> bool:
    """Stop the node of this machine in order; whether it has ended."""
    keeper = _keeper(settings)
    if keeper is None:
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGTERM)
    until = time.monotonic() + drain_s + 2 * STOP_S
    while time.monotonic() < until:
        if _keeper(settings) is None:
            return True
        time.sleep(POLL_S)
    return False


def _keeper(settings: ClusterSettings) -> int | None:
    """The process that holds the state directory's lock."""
    path = Path(settings.ray.state) / LOCK
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read(20).decode(errors="replace").strip()
            return int(text) if text.isdecimal() else None
    return None


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[IO[str]]:
    with (state / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"A node runs with {state} already: stop it, or give this one another cluster.ray.state."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def _start(settings: ClusterSettings, head: str, autoscaling: str) -> "subprocess.Popen[bytes]":
    node, host = node_name(settings), settings.host
    given = environment.node_environment(settings.ray, node=node, host=host, path=environment.python_path())
    command = [
        environment.ray_command(),
        "start",
        "--block",
        *environment.flags(settings.ray, node=node, host=host, head=head, autoscaling=autoscaling),
    ]
    libc = ctypes.CDLL(None)

    def before() -> None:
        libc.prctl(_PDEATHSIG, signal.SIGTERM)  # Ray must not go on without its keeper, who knows how to stop it

    with (Path(settings.ray.state) / "ray.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 (no shell; our own command)
            command,
            env=os.environ | given,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is for us alone
            preexec_fn=before,  # noqa: PLW1509 (no thread has been started)
        )


def _await_start(child: "subprocess.Popen[bytes]", state: Path, asked: Sequence[int]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and not asked:
        if b"Ray runtime started" in (state / "ray.log").read_bytes():
            return
        if child.poll() is not None:
            break
        time.sleep(POLL_S)
    if not asked:
        raise Misconfigured(f"Ray did not start; {state / 'ray.log'} says why: {_tail(state / 'ray.log')}")


def _stop(child: "subprocess.Popen[bytes]", state: Path, drain_s: float, tell: Callable[[str], None]) -> int:
    with records.stopping(state):
        drained = records.end_all(state, ORDER, drain_s + STOP_S, lambda names: tell(f"Stopping {names}."))
        _end(child)
    return 0 if drained else 1


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End Ray's processes. `ray start --block` ends those it started, but not the agents that these started: they would
    stay for a minute, to tell it to a head that is gone."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _tidy(sessions: Path) -> None:
    """Forget what the last run left: Ray would believe that it runs still, and never removes a folder."""
    if not sessions.is_dir():
        return
    (sessions / "ray_current_cluster").unlink(missing_ok=True)
    kept = sorted((each for each in sessions.glob("session_2*") if not each.is_symlink()), key=lambda each: each.name)
    for old in kept[:-SESSIONS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _tail(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])


def own_command(*arguments: str) -> list[str]:
    """This program again."""
    return [sys.executable, "-P", "-m", "ops.cli", *arguments]
