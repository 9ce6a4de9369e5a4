"""The real programs that tests and benchmarks talk to: what each is for, whether it is here, how to get it.

Only what PARTS declares is ever installed, and only where it was allowed: packages by apt and as root, Go programs by
the `go` that is here, into a folder of ours. No service that a package brings is started: tests start their own.
Packages that cannot be installed beside others that are wanted (Debian's mail servers exclude one another) are only
unpacked, into a folder of ours; what runs them gives them the world they expect.
"""

import fcntl
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from cluster.meta.foundationdb_binding import WANTED as FOUNDATIONDB

INSTALL_PARTS: Final = "ROOKERY_INSTALL_PARTS"  # set to 1 where missing parts may be installed
APT_S: Final = 900  # a slow mirror, all packages
POLICY: Final = Path("/usr/sbin/policy-rc.d")  # asked by Debian's packages before they start a service
POLICY_TEXT: Final = "#!/bin/sh\n# Written by `rookery test` while it installs; may be removed.\nexit 101\n"
INSTALL_LOCK: Final = Path("/run/rookery-parts.lock")  # several test processes may come here together
GO_S: Final = 1800  # a Go program is built from its sources, which come over the network
GO_FOLDER: Final = "/usr/local/go/bin"  # where Go's own archive puts it, not on every user's PATH
CACHE: Final = "ROOKERY_CACHE"  # the folder for what is built; else ~/.cache/rookery
UNPACKED: Final = "unpacked"  # its folder of packages that are not installed, each in one of its own
WHOLE: Final = ".whole"  # in such a folder: all of it is there


APT_GET: Final = shutil.which("apt-get")


class Part(NamedTuple):
    """A program from a Debian package, installed or unpacked, or one that Go builds."""

    package: str  # Debian's name of it; of a Go program module@version
    program: str  # its name on PATH or in the folders of system programs, or its path, perhaps with a version as *; of
    # an unpacked package the path within it
    why: str
    preseed: str = ""  # answers for debconf, one a line
    is_go: bool = False
    unpacked_with: tuple[str, ...] = ()  # not installed but unpacked, together with these packages (its libraries)


PARTS: Final[dict[str, Part]] = {
    "mbsync": Part("isync", "mbsync", "a synchronising IMAP client"),
    "mutt": Part("mutt", "mutt", "an interactive IMAP and SMTP client"),
    "neomutt": Part("neomutt", "neomutt", "an interactive IMAP client that resynchronises (CONDSTORE, QRESYNC)"),
    "offlineimap": Part("offlineimap3", "offlineimap", "a synchronising IMAP client"),
    "getmail": Part("getmail6", "getmail", "fetches mail over IMAP and leaves or deletes it"),
    "fetchmail": Part("fetchmail", "fetchmail", "fetches mail over IMAP and flags or deletes it"),
    "curl": Part("curl", "curl", "a client of one command a call"),
    "smtp-source": Part(
        "postfix",
        "smtp-source",
        "sends many messages at once; the SMTP server to compare with",
        "postfix postfix/main_mailer_type select No configuration",
    ),
    "dovecot": Part("dovecot-imapd", "dovecot", "the IMAP server to compare with"),
    "etcd": Part("etcd-server", "etcd", "the registry of a cluster"),
    "etcdctl": Part("etcd-client", "etcdctl", "sets up users in a registry"),
    "postgresql": Part("postgresql", "/usr/lib/postgresql/*/bin/postgres", "a store across the network"),
    "minio": Part("github.com/minio/minio@latest", "minio", "an S3 store", is_go=True),
    "unbound": Part("unbound", "unbound", "a resolver that validates with DNSSEC"),
    "exim": Part(
        "exim4-daemon-light",
        "usr/sbin/exim4",
        "an SMTP server to exchange mail with",
        unpacked_with=("libevent-2.1-7", "libgnutls-dane0", "libidn12", "libnsl2", "libtirpc3", "libunbound8"),
    ),
    "opensmtpd": Part(
        "opensmtpd", "usr/sbin/smtpd", "an SMTP server to exchange mail with", unpacked_with=("libevent-2.1-7",)
    ),
    "rspamd": Part("rspamd", "rspamd", "a milter that scores messages"),
    "opendkim": Part("opendkim", "opendkim", "a milter that signs and verifies"),
    "clamav-milter": Part("clamav-milter", "clamav-milter", "a milter that asks a virus scanner"),
    "clamd": Part("clamav-daemon", "clamd", "the virus scanner"),
    "dovecot-lmtpd": Part("dovecot-lmtpd", "/usr/lib/dovecot/lmtp", "how mail reaches the server to compare with"),
    "cyrus": Part(
        "cyrus-caldav",  # the HTTP server, JMAP included; the others are the rest of Cyrus, and their libraries
        "usr/lib/cyrus/bin/httpd",
        "the JMAP server to compare with",
        unpacked_with=(
            *("cyrus-common", "cyrus-imapd", "sasl2-bin", "libeatmydata1"),
            *("libbrotli1", "libical3", "libicu72", "libjansson4", "libldap-2.5-0", "libnghttp2-14", "libpcre3"),
            *("libpq5", "libshp2", "libsqlite3-0", "libwrap0", "libxapian30", "libxml2", "libzephyr4"),
        ),
    ),
}

SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin:/usr/local/sbin"  # not on every user's PATH


def find(name: str) -> Path | None:
    """Where the program of this part is, or None."""
    part = PARTS[name]
    program = part.program
    if part.unpacked_with:
        return unpacked(name) / program if (unpacked(name) / WHOLE).exists() else None
    if "*" in program:
        return max(Path("/").glob(program.lstrip("/")), default=None)
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}:{go_programs()}")
    return Path(found) if found else None


def go_programs() -> Path:
    """The folder of the programs that Go built for us."""
    return _cache() / "bin"


def unpacked(name: str) -> Path:
    """The root folder of this part's unpacked packages, which have their files below it as they would below /."""
    return _cache() / UNPACKED / name


def _cache() -> Path:
    cache = os.environ.get(CACHE)
    return Path(cache) if cache else Path("~/.cache/rookery").expanduser()


def find_go() -> str | None:
    """Where Go is, or None."""
    return shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:{GO_FOLDER}")


def missing(names: Iterable[str]) -> list[str]:
    """Those of the parts that are not here, in their order, each once."""
    return [name for name in dict.fromkeys(names) if find(name) is None]


def can_install(name: str, uid: int | None = None, apt: str | None = APT_GET, go: str | None = "") -> bool:
    """Whether this process may install this part: packages as root with apt, Go programs where there is Go."""
    if PARTS[name].is_go:
        return (find_go() if go == "" else go) is not None
    return (os.geteuid() if uid is None else uid) == 0 and apt is not None


def skip_reason(name: str) -> str:
    """Why a test that needs this part does not run, and how to make it run."""
    part = PARTS[name]
    if part.is_go:
        return f"needs {part.program}, {part.why}: run `rookery test` where Go is, or `go install {part.package}`"
    if part.unpacked_with:
        return f"needs {part.program} of Debian's {part.package}, {part.why}: run `rookery test` as root on Debian"
    return f"needs {part.program}, {part.why}: apt install {part.package}, or run `rookery test` as root on Debian"


def must_fail(environ: Mapping[str, str], *, installable: bool) -> bool:
    """Whether a missing part is a failure rather than a skip: CI=true, and it could have been installed."""
    return environ.get("CI", "").lower() in ("true", "1") and installable


Run = Callable[[list[str], str], bool]


def _run(
    command: list[str],
    given: str = "",
    seconds: float = APT_S,
    environ: Mapping[str, str] = {},
    folder: str | None = None,
) -> bool:
    """Run a command quietly, in that folder; when it fails, show the end of what it printed."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"} | dict(environ)
    try:
        done = subprocess.run(
            command, input=given, env=quiet, cwd=folder, timeout=seconds, text=True, check=False, capture_output=True
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
    if not_here := [name for name in absent if not can_install(name)]:
        _say(f"skipping tests that need {', '.join(not_here)}: not root on a system with apt, or no Go")
    can = [name for name in absent if name not in not_here]
    programs = [name for name in can if PARTS[name].is_go]
    to_unpack = [name for name in can if PARTS[name].unpacked_with]
    packages = [name for name in can if name not in programs and name not in to_unpack]
    if packages:
        with _alone(INSTALL_LOCK):
            if packages := missing(packages):  # another process may have been here meanwhile
                _say(f"installing {', '.join(packages)} with apt")
                with no_services():
                    install(packages)
    if to_unpack:
        with _alone(INSTALL_LOCK):
            for name in missing(to_unpack):
                _say(f"unpacking {PARTS[name].package} of Debian into {unpacked(name)}")
                unpack(name)
    if programs:
        go_programs().mkdir(parents=True, exist_ok=True)
        with _alone(go_programs() / ".lock"):
            for name in missing(programs):
                _say(f"building {name} with Go, once; this takes minutes")
                build(name)
    return missing(absent)


def unpack(name: str, run: Callable[..., bool] = _run) -> bool:
    """Fetch the packages of this part and unpack them into a folder of ours, with none of their scripts run and no
    program that gives its caller more rights; False when that failed."""
    part, folder = PARTS[name], unpacked(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="rookery-parts-") as fetched:
        Path(fetched).chmod(0o755)
        run(["apt-get", "-qq", "update"], "")  # one dead source does not matter if the packages come from another
        if not run(["apt-get", "-qq", "download", part.package, *part.unpacked_with], "", folder=fetched):
            return False
        if not all(run(["dpkg", "-x", str(package), str(folder)], "") for package in sorted(Path(fetched).iterdir())):
            return False
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o777)
    (folder / WHOLE).touch()
    return True


def install_foundationdb(run: Callable[..., bool] = _run) -> bool:
    """Install FoundationDB's Python package into this environment; False when pip failed. It is in no lock file."""
    with _alone(Path(sys.prefix) / "rookery-foundationdb.lock"):
        importlib.invalidate_caches()  # another process may have been here meanwhile
        if find_spec("fdb") is not None:
            return True
        _say(f"installing {FOUNDATIONDB} with pip")
        return run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", FOUNDATIONDB])


def build(name: str, run: Callable[..., bool] = _run) -> bool:
    """Have Go build this part into our folder; False when it failed."""
    into = {"GOBIN": str(go_programs()), "GOFLAGS": "-mod=mod"}
    return run([find_go() or "go", "install", PARTS[name].package], "", GO_S, into)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
