"""Makes and keeps the virtual environment, then becomes the command inside it. `./rookery` runs this file.

The standard library alone serves here: this runs before anything is installed. An environment is used only when
all of it is there: every change to it happens under a lock, and the note that says so is written last.
"""

import fcntl
import hashlib
import html
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RUN_LOCK: Final = "requirements.lock"
CLUSTER_LOCK: Final = "requirements-cluster.lock"  # holds all of RUN_LOCK too
TEST_LOCK: Final = "requirements-test.lock"  # holds all of both
CLUSTER_COMMANDS: Final = ("node", "up", "down", "status", "scale", "drain", "rebalance", "slots", "loglevel")

# Debian without python3-venv has no pip to give; this one is fetched then, and believed only by its digest.
PIP_WHEEL: Final = "pip-26.3-py3-none-any.whl"
PIP_SHA256: Final = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PIP_BYTES_MAX: Final = 8 << 20  # the wheel has under 2 MiB
FETCH_TIMEOUT_S: Final = 60  # silence of a package index, not the whole download
LOG_LINES: Final = 6  # of pip's output, shown when it fails
LOG_COLUMNS: Final = 160

CURES: Final = (
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "The index's certificate is not trusted here: apt install ca-certificates, or set PIP_CERT.",
    ),
    (
        r"NewConnectionError|ConnectionError|name resolution|timed out|Network is unreachable|URLError|ProxyError",
        "The package index does not answer: check the network and HTTPS_PROXY, or set PIP_INDEX_URL to a mirror.",
    ),
    (r"No space left on device", "The disk is full: make room, or set ROOKERY_VENV to a folder elsewhere."),
    (r"DO NOT MATCH THE HASHES", "The index gave other files than the lock file names: use another index."),
    (
        r"No matching distribution found|Could not find a version",
        "The index has no wheel for this Python and machine: 3.11 to 3.13 on x86-64 or arm64 Linux are known to work.",
    ),
)


class Failure(Exception):
    """What stopped the launch: cause and cure, for the person at the terminal."""


def locks_for(argv: Sequence[str]) -> tuple[str, ...]:
    """The lock files whose packages this command needs; the first holds the others."""
    if argv[:1] == ["test"]:
        return (TEST_LOCK, CLUSTER_LOCK, RUN_LOCK)
    return (CLUSTER_LOCK, RUN_LOCK) if argv and argv[0] in CLUSTER_COMMANDS else (RUN_LOCK,)


def choose_venv(root: Path, environ: Mapping[str, str], writable: bool) -> Path:
    """ROOKERY_VENV, else .venv in the checkout, else (a checkout of somebody else's) one in the user's cache."""
    if named := environ.get("ROOKERY_VENV"):
        return Path(named).absolute()
    home = root / ".venv"
    if writable or is_sound(home, root):
        return home
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/")) / ".cache")
    return cache / "rookery" / f"venv-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"


def _origin(venv: Path, root: Path) -> str:
    """What an environment must have been made from: it breaks when either the checkout or the Python moves."""
    return f"{root}\n{(venv / 'bin/python').resolve()}\n"


def _note(venv: Path, name: str) -> Path:
    return venv / f"rookery-{name}"


def _reads(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_sound(venv: Path, root: Path) -> bool:
    """Whether the environment was made from this checkout and Python, and no change to it broke off."""
    return (
        _reads(_note(venv, "origin"), _origin(venv, root))
        and os.access(venv / "bin/python", os.X_OK)
        and not _note(venv, "unfinished").exists()
    )


def is_ready(venv: Path, root: Path, locks: Sequence[str]) -> bool:
    """Whether the environment holds what these lock files name."""
    return is_sound(venv, root) and all(_reads(_note(venv, name), _digest(root / name)) for name in locks)


def ensure(venv: Path, root: Path, locks: Sequence[str]) -> None:
    """Make `venv` ready, once, however many launches ask at the same time."""
    if is_ready(venv, root, locks):
        return
    venv.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(venv.with_name(venv.name + ".lock")):
        if not is_sound(venv, root):
            make(venv, root)
        if not is_ready(venv, root, locks):
            install(venv, root, locks)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file; the system lets go of it when this process and the pip it started have ended."""
    with path.open("a") as file:
        os.set_inheritable(file.fileno(), True)  # a pip that outlives a killed launch must not meet the next one's
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting for another launch that is installing"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def other_checkout(venv: Path, root: Path) -> Path | None:
    """The checkout that this environment was made from, if it is another and still there."""
    try:
        origin = Path(_note(venv, "origin").read_text().partition("\n")[0])
    except OSError:
        return None
    return origin if origin != root and (origin / "ops/launch.py").exists() else None


def make(venv: Path, root: Path) -> None:
    """A fresh environment with pip, that finds this checkout's packages from anywhere."""
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise Failure(f"{venv} holds something else than a virtual environment: move it, or set ROOKERY_VENV.")
    if other := other_checkout(venv, root):
        raise Failure(
            f"{venv} belongs to the checkout {other}, whose programs may run in it: set another ROOKERY_VENV."
        )
    with step(f"making {venv} with Python {sys.version.split()[0]}"):
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir()
        (venv / "pyvenv.cfg").touch()  # should this break off, the next launch knows the folder for ours
        bundled = find_spec("ensurepip") is not None
        run([sys.executable, "-I", "-m", "venv", *([] if bundled else ["--without-pip"]), str(venv)], venv)
        if not bundled:
            fetch_pip(venv)
        packages = next(venv.glob("lib/python3*/site-packages"))
        (packages / "rookery.pth").write_text(f"{root / 'proto'}\n{root}\n")
        _note(venv, "origin").write_text(_origin(venv, root))


def install(venv: Path, root: Path, locks: Sequence[str]) -> None:
    """Bring the environment to what the first lock file names, wheels only, each checked by its digest."""
    unfinished = _note(venv, "unfinished")
    unfinished.touch()
    lock = root / locks[0]
    total = len(re.findall(r"(?m)^[\w.-]+==", lock.read_text()))
    with step(f"installing the packages of {lock.name}") as tell:
        command = [str(venv / "bin/python"), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "-r", str(lock)]
        seen = 0
        for line in output(command, venv):
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
                tell(f"{seen} of at most {total}")
            elif line.startswith("Installing collected"):
                tell("unpacking")
    for name in locks:
        _note(venv, name).write_text(_digest(root / name))
    unfinished.unlink()


def fetch_pip(venv: Path) -> None:
    """Install pip from its wheel, fetched from the index in use."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        wheel = _get(wheel_url(_get(index).decode("utf-8", "replace"), index))
    except OSError as error:
        raise Failure(_explain(f"Fetching pip from {index} failed.", repr(error))) from error
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        raise Failure(f"{PIP_WHEEL} from {index} is not the one expected (SHA-256): use another index.")
    path = venv / PIP_WHEEL
    path.write_bytes(wheel)
    run([str(venv / "bin/python"), "-I", f"{path}/pip", "install", "--no-index", "--no-deps", str(path)], venv)
    path.unlink()


def wheel_url(page: str, base: str) -> str:
    """Where a simple index's page for pip (PEP 503) has our wheel; `base` is the page's own address."""
    for href in re.findall(r"""<a\s[^>]*?href=["']([^"']+)""", page, re.IGNORECASE):
        url = urllib.parse.urldefrag(urllib.parse.urljoin(base, html.unescape(href))).url
        if url.endswith("/" + PIP_WHEEL) and url.startswith(("https://", "http://")):
            return url
    raise Failure(f"{base} has no {PIP_WHEEL}: apt install python3-venv brings a pip, or use another index.")


def _get(url: str) -> bytes:
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    request = urllib.request.Request(url, headers={"Accept": "text/html"})  # noqa: S310 (checked by wheel_url, or the person's)
    with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S, context=context) as answer:  # noqa: S310
        return bytes(answer.read(PIP_BYTES_MAX))


def run(command: Sequence[str], venv: Path) -> None:
    """Run to the end, output into the log."""
    for _ in output(command, venv):
        pass


def output(command: Sequence[str], venv: Path) -> Iterator[str]:
    """Yield the lines a program prints, kept in install.log as well; raises Failure when it fails."""
    log = venv / "install.log"
    with log.open("a") as file:
        print("$", *command, file=file, flush=True)
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, close_fds=False)
        assert child.stdout is not None
        for line in child.stdout:
            file.write(line)
            yield line
    if child.wait():
        text = log.read_text(errors="replace").rpartition("\n$ ")[2]
        raise Failure(_explain(f"It failed; all it said is in {log}:", text))


def _explain(cause: str, text: str) -> str:
    """The cause, the end of what was printed, and the cure if a known trouble is named in it."""
    cure = next((cure for pattern, cure in CURES if re.search(pattern, text)), "")
    tail = [f"  | {line[:LOG_COLUMNS]}" for line in text.rstrip().splitlines()[-LOG_LINES:]]
    return "\n".join([cause, *tail, cure] if cure else [cause, *tail])


@contextmanager
def step(what: str) -> Iterator[Callable[[str], None]]:
    """Show one step and the seconds it took, on stderr; the value tells how far it is."""
    live, begin = sys.stderr.isatty(), time.monotonic()
    sys.stderr.write(f"rookery: {what} ...")
    sys.stderr.flush()

    def tell(progress: str) -> None:
        if live:
            sys.stderr.write(f"\r\x1b[Krookery: {what} ... {progress}, {time.monotonic() - begin:.0f} s")
            sys.stderr.flush()

    ended = "stopped"
    try:
        yield tell
        ended = "done"
    finally:
        tell(ended)
        sys.stderr.write("\n" if live else f" {ended}, {time.monotonic() - begin:.0f} s\n")


def main(argv: Sequence[str]) -> None:
    """Become `rookery` with these arguments; returns only by raising."""
    venv = choose_venv(ROOT, os.environ, os.access(ROOT, os.W_OK))
    try:
        ensure(venv, ROOT, locks_for(argv))
    except Failure as failure:
        sys.exit(f"rookery: {failure}")
    except PermissionError as error:
        sys.exit(f"rookery: {error.filename} may not be written: set ROOKERY_VENV to a folder of your own.")
    except OSError as error:
        sys.exit(f"rookery: {_explain('the environment could not be made:', str(error))}")
    except KeyboardInterrupt:
        sys.exit(130)
    python = str(venv / "bin/python")
    os.execv(python, [python, "-P", "-m", "ops.cli", *argv])  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    main(sys.argv[1:])
