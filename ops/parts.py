"""The real programs that tests and benchmarks talk to: what each is for, whether it is here, how to get it.

Only what PARTS declares is ever installed, only by apt, only as root and only where it was allowed. No service
that a package brings is started: tests start their own, with their own files.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

INSTALL_PARTS: Final = "ROOKERY_INSTALL_PARTS"  # set to 1 where missing parts may be installed
APT_S: Final = 900  # a slow mirror, all packages
POLICY: Final = Path("/usr/sbin/policy-rc.d")  # asked by Debian's packages before they start a service
POLICY_TEXT: Final = "#!/bin/sh\n# Written by `rookery test` while it installs; may be removed.\nexit 101\n"
INSTALL_LOCK: Final = Path("/run/rookery-parts.lock")  # several test processes may come here together


class Part(NamedTuple):
    """A program from a Debian package."""

    package: str
    program: str  # its name on PATH or in the folders of system programs, or its path, perhaps with a version as *
    why: str
    preseed: str = ""  # answers for debconf, one a line


PARTS: Final[dict[str, Part]] = {
    "mbsync": Part("isync", "mbsync", "a synchronising IMAP client"),
    "mutt": Part("mutt", "mutt", "an interactive IMAP and SMTP client"),
    "curl": Part("curl", "curl", "a client of one command a call"),
    "smtp-source": Part(
        "postfix",
        "smtp-source",
        "sends many messages at once; the SMTP server to compare with",
        "postfix postfix/main_mailer_type select No configuration",
    ),
    "dovecot": Part("dovecot-imapd", "dovecot", "the IMAP server to compare with"),
    "etcd": Part("etcd-server", "etcd", "the registry of a cluster"),
    "postgresql": Part("postgresql", "/usr/lib/postgresql/*/bin/postgres", "a store across the network"),
    "dovecot-lmtpd": Part("dovecot-lmtpd", "/usr/lib/dovecot/lmtp", "how mail reaches the server to compare with"),
}

SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin:/usr/local/sbin"  # not on every user's PATH


def find(name: str) -> Path | None:
    """Where the program of this part is, or None."""
    program = PARTS[name].program
    if "*" in program:
        return max(Path("/").glob(program.lstrip("/")), default=None)
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")
    return Path(found) if found else None


def missing(names: Iterable[str]) -> list[str]:
    """Those of the parts that are not here, in their order, each once."""
    return [name for name in dict.fromkeys(names) if find(name) is None]


def can_install(uid: int | None = None, apt: str | None = shutil.which("apt-get")) -> bool:
    """Whether this process may install packages: root, on a system with apt."""
    return (os.geteuid() if uid is None else uid) == 0 and apt is not None


def skip_reason(name: str) -> str:
    """Why a test that needs this part does not run, and how to make it run."""
    part = PARTS[name]
    return f"needs {part.program}, {part.why}: apt install {part.package}, or run `rookery test` as root on Debian"


def must_fail(environ: Mapping[str, str], *, installable: bool) -> bool:
    """Whether a missing part is a failure rather than a skip: CI=true, and it could have been installed."""
    return environ.get("CI", "").lower() in ("true", "1") and installable


Run = Callable[[list[str], str], bool]


def _run(command: list[str], given: str = "") -> bool:
    """Run a command quietly; when it fails, show the end of what it printed."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, input=given, env=quiet, timeout=APT_S, text=True, check=False, capture_output=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"{command[0]}: {error}")
        return False
    if done.returncode:
        _say(f"{' '.join(command)} failed:", *(done.stdout + done.stderr).splitlines()[-5:])
    return done.returncode == 0


def _say(*lines: str) -> None:
    print("rookery: " + "\n  | ".join(lines), file=sys.stderr, flush=True)


def install(names: Iterable[str], run: Run = _run) -> bool:
    """Install the packages of these parts; False when apt failed."""
    wanted = [PARTS[name] for name in names]
    if preseed := "".join(part.preseed + "\n" for part in wanted if part.preseed):
        run(["debconf-set-selections"], preseed)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    run([*apt, "update"], "")  # one dead source does not matter if the packages come from another
    return run([*apt, "install", "-y", "--no-install-recommends", *dict.fromkeys(part.package for part in wanted)], "")


def install_missing(names: Iterable[str]) -> list[str]:
    """Install what is missing where this process may, one process at a time; returns what is missing still."""
    if not (absent := missing(names)):
        return []
    if not can_install():
        _say(f"skipping tests that need {', '.join(absent)}: not root on a system with apt")
        return absent
    with INSTALL_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if absent := missing(absent):  # another process may have been here meanwhile
            _say(f"installing {', '.join(absent)} with apt")
            with no_services():
                install(absent)
    return missing(absent)


@contextmanager
def no_services(policy: Path = POLICY) -> Iterator[None]:
    """Within, packages start no service. A policy that the machine already has is left alone."""
    if policy.exists() and policy.read_text(errors="replace") != POLICY_TEXT:
        yield
        return
    policy.write_text(POLICY_TEXT)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
