"""The one Ray actor class: a process with an event loop of its own, in which it plays its role until told to stop.

The law: nothing here is `async def`, which would give the loop and the signals to Ray. The process ends by itself, and
only when its role has been left: so Ray, which starts the next one when this one ends, never has two at once. It never
ends in a tight loop: what fails again and again waits longer each time.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import structlog

from cluster.clock import SystemClock
from cluster.config import load
from cluster.errors import Trouble
from cluster.hosting.alone import SWITCH_S, new_loop
from cluster.hosting.ray import environment, records
from cluster.hosting.ray.place import Boot, Hosted, Place, Role, Running
from cluster.observe import logs

BACK_OFF_S: Final = 0.5  # after the first failure in a row, doubled with each
BACK_OFF_S_MAX: Final = 15.0
HEALTHY_S: Final = 60.0  # a role that served so long has no failures behind it
EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_CUT_SHORT: Final = 130
STOPPING_POLL_S: Final = 0.5
# Whoever had a process leave for good removes it some seconds later. If nobody does, the one who asked is gone and
# its successor may want it: it ends, and Ray starts it anew.
RETIRED_S: Final = 10.0


def back_off_s(failures: int) -> float:
    """How long to wait after so many failures in a row."""
    return 0.0 if failures <= 0 else min(BACK_OFF_S * 2.0 ** min(failures - 1, 30), BACK_OFF_S_MAX)


class Process:
    """A Ray actor (fleet.py makes it one). Its methods answer at once, also while its role is entered or left."""

    def __init__(self, boot: bytes) -> None:
        """`boot`: a Boot as JSON."""
        life = Life(msgspec.json.decode(boot, type=Boot), _ray_address())
        signal.signal(signal.SIGTERM, lambda *_: life.on_signal())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's, meant for `rookery node`
        sys.setswitchinterval(SWITCH_S)
        threading.Thread(target=life.run, name="rookery", daemon=True).start()
        self._life = life

    def ping(self) -> str:
        """starting, serving, draining, or drained."""
        return self._life.told

    def describe(self) -> dict[str, Any]:
        """Who this is, for people."""
        return self._life.describe()

    def home(self) -> str:
        """The id of the node that this runs on, as Ray has it."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def retire(self) -> bool:
        """Leave the role and then wait to be removed, so that Ray starts no other; not for ever. Whether it has
        been left."""
        return self._life.retire()


class Life:
    """From start to exit. Apart from the actor's class: one `async def` there, and Ray would run it in its own loop."""

    def __init__(self, boot: Boot, address: str) -> None:
        """`address`: the node's, where nothing better is known."""
        self.told = "starting"
        self._boot = boot
        self._address = address
        self._asked = threading.Event()
        self._retired = False
        self._deadline: threading.Timer | None = None
        self._drain_s = BACK_OFF_S_MAX  # until the settings are read
        self._stop: Callable[[], None] = lambda: None

    def describe(self) -> dict[str, Any]:
        """Name, role, pid, state."""
        return {"name": self._boot.name, "role": self._boot.role, "pid": os.getpid(), "state": self.told}

    def retire(self) -> bool:
        """Leave, and do not end; whether it has been left."""
        self._retired = True
        self._ask()
        return self.told == "drained"

    def on_signal(self) -> None:
        """Leave and end; the second time, end."""
        if self._asked.is_set():
            os._exit(EXIT_CUT_SHORT)
        self._ask()

    def _ask(self) -> None:
        self._asked.set()
        self._begin_deadline()
        self._stop()

    def _begin_deadline(self) -> None:
        """A timer of its own: a loop that is stuck could not tell the time."""
        if self._deadline is None and self.told != "drained":
            self._deadline = threading.Timer(self._drain_s, os._exit, (EXIT_CUT_SHORT,))
            self._deadline.daemon = True
            self._deadline.start()

    def run(self) -> None:
        """All of the process's life, in its own thread."""
        try:
            settings = self._settings()
            self._drain_s = settings.drain_s
            state = Path(os.environ.get(environment.STATE) or settings.cluster.ray.state)
            while records.is_stopping(state):
                if self._asked.wait(STOPPING_POLL_S):
                    os._exit(EXIT_DONE)
            held = records.hold(state, self._boot.name, self._boot.role)
            logs.set_up(settings.log, SystemClock())
        except BaseException as error:  # noqa: BLE001 (whatever it is, Ray must start another, not a process that idles)
            _say(f"{self._boot.name}: cannot start: {error!r}")
            self._asked.wait(BACK_OFF_S_MAX)
            os._exit(EXIT_FAILED)
        self._play(settings, held)

    def _play(self, settings: Hosted, held: records.Hold) -> NoReturn:
        log = structlog.get_logger().bind(process=self._boot.name)
        clock, begin = SystemClock(), SystemClock().monotonic()
        code = EXIT_DONE
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(self._serve(settings, log))
        except BaseException as error:  # as above
            code = EXIT_FAILED
            text = error.log if isinstance(error, Trouble) else None
            log.error("process_failed", error=text or repr(error), exc_info=None if text else error)  # noqa: TRY400
        self.told = "drained"
        if self._deadline is not None:
            self._deadline.cancel()
        if self._retired:
            threading.Event().wait(RETIRED_S)  # until it is removed
        if not self._asked.is_set():
            failures = 1 if clock.monotonic() - begin > HEALTHY_S else held.failures + 1
            held.note(self._boot.role, failures)
            log.warning("process_restarts", failures=failures, wait_s=back_off_s(failures))
            self._asked.wait(back_off_s(failures))
        else:
            held.note(self._boot.role, 0)
        os._exit(code)

    async def _serve(self, settings: Hosted, log: Any) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: _call_soon(loop, stop.set)
        if self._asked.is_set():
            return
        boot = self._boot
        node = boot.node or os.environ.get(environment.NODE) or self._address
        host = settings.cluster.host or os.environ.get(environment.HOST) or self._address
        role: Role = _named(boot.entry)
        server = role(settings, Place(boot.role, boot.name, node, host, boot.config))
        running = await _entered(server.__aenter__(), stop)
        if running is None:
            return
        self.told = "serving"
        log.info("process_serves", node=node, pid=os.getpid())
        await _first(stop.wait(), running.ended())
        self.told = "draining"
        self._begin_deadline()
        await server.__aexit__(None, None, None)
        log.info("process_drained", asked=stop.is_set())

    def _settings(self) -> Hosted:
        shape = _named(self._boot.settings)
        return load(shape, Path(self._boot.config), os.environ)  # type: ignore[no-any-return]


async def _entered(entering: Any, stop: asyncio.Event) -> "Running | None":
    """The role's running part; None when the stop was asked for before it was there. What is entered by halves is
    cancelled, and cleans up after itself as any `__aenter__` that fails."""
    task = asyncio.ensure_future(entering)
    waiter = asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, waiter), return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
        return None
    return task.result()  # type: ignore[no-any-return]


async def _first(*awaitables: Any) -> None:
    """Returns when one of them does; raises what it raised."""
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        if (error := task.exception()) is not None:
            structlog.get_logger().error("role_broke", error=repr(error), exc_info=error)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # closed: the role has been left
        pass


def _named(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _ray_address() -> str:
    import ray

    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return address


def _say(line: str) -> None:
    sys.stderr.write(f"rookery: {line}\n")
    sys.stderr.flush()
