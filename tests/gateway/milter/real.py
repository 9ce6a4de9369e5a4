"""Real milters from Debian, each as an unprivileged process of its own with a folder of its own, on a Unix socket.

No DNS is asked, no service of the system is used, and all ends with the test.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ops import parts

NOBODY: Final = 65_534  # nobody and nogroup on Debian
START_S: Final = 60
INSIDE: Final = "192.0.2.1"  # whose mail OpenDKIM signs
EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE: Final = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the milter's user may write in. pytest's own are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="rookery-milter-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def running(command: list[str], place: Path, waits_for: Path) -> Iterator[None]:
    """The program, once its socket answers."""
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        for path in (place, *place.rglob("*")):
            os.chown(path, user, user)
    output = place / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=place, start_new_session=True,
            user=user, group=user, extra_groups=[] if user is not None else None,
        )  # fmt: skip
    try:
        _await_answer(process, waits_for, output)
        yield
    finally:
        # All of its session at once: libmilter takes five seconds to notice that it should end, and keeps nothing.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _await_answer(process: "subprocess.Popen[bytes]", path: Path, output: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not answer:\n{output.read_text(errors='replace')[-2000:]}")


def _program(name: str) -> str:
    found = parts.find(name)
    assert found, name
    return str(found)


@contextmanager
def opendkim() -> Iterator[Path]:
    """Signs for example.test what comes from INSIDE, verifies all else; its key is told to it in a file, not by DNS."""
    key = rsa.generate_private_key(65_537, 2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode().splitlines()[1:-1]  # fmt: skip
    with folder() as place:
        private = place / "key.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        private.chmod(0o600)
        (place / "public").write_text(f"sel._domainkey.example.test v=DKIM1; k=rsa; p={''.join(public)}\n")
        (place / "inside").write_text(f"{INSIDE}\n")
        (place / "conf").write_text(
            f"Syslog no\nBackground no\nMode sv\nDomain example.test\nSelector sel\nKeyFile {private}\n"
            f"Socket local:{place}/socket\nRequireSafeKeys no\nInternalHosts {place}/inside\n"
            f"TestPublicKeys {place}/public\nAlwaysAddARHeader yes\nAuthservID mx.test\n"
            "Canonicalization relaxed/simple\n"
        )
        with running([_program("opendkim"), "-f", "-x", str(place / "conf")], place, place / "socket"):
            yield place / "socket"


@contextmanager
def rspamd() -> Iterator[Path]:
    """Scans by itself, with one rule of ours; no Redis, no DNS, no maps."""
    with folder() as place:
        (place / "tld.dat").write_text("test\ncom\n")
        (place / "conf").write_text(f"""
            options {{
                pidfile = "{place}/pid"; filters = "regexp"; tempdir = "{place}"; hs_cache_dir = "{place}";
                cache_file = "{place}/symbols.cache"; control_socket = "{place}/control mode=0600";
                disable_hyperscan = true; url_tld = "{place}/tld.dat"; soft_reject_on_timeout = false;
                dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
            }}
            logging {{ type = "console"; level = "notice"; }}
            lua = "$RULESDIR/rspamd.lua"
            modules {{ path = "$PLUGINSDIR"; }}
            actions {{ reject = 100; add_header = 6; }}
            worker "rspamd_proxy" {{
                count = 1; bind_socket = "{place}/socket mode=0666"; milter = yes; timeout = 20s;
                upstream "local" {{ default = yes; self_scan = yes; }}
            }}
            regexp {{ TEST_WORD {{ re = "/unwantedword/{{mime}}"; score = 7.0; }} }}
            milter_headers {{ use = ["x-spam-level"]; skip_local = false; skip_authenticated = false; }}
        """)
        command = [_program("rspamd"), "-f", "-c", str(place / "conf"), "--var", f"DBDIR={place}"]
        with running(command, place, place / "socket"):
            yield place / "socket"


@contextmanager
def clamav() -> Iterator[Path]:
    """clamav-milter and its scanner, which knows one virus: EICAR's harmless test file."""
    with folder() as place:
        database = place / "database"
        database.mkdir()
        (database / "test.ndb").write_text(f"EICAR-TEST:0:*:{EICAR.hex()}\n")
        (place / "clamd.conf").write_text(
            f"LocalSocket {place}/clamd\nDatabaseDirectory {database}\nTemporaryDirectory {place}\nForeground yes\n"
        )
        (place / "milter.conf").write_text(
            f"MilterSocket unix:{place}/socket\nClamdSocket unix:{place}/clamd\nForeground yes\nOnInfected Reject\n"
            f"RejectMsg Virus %v\nAddHeader Replace\nTemporaryDirectory {place}\n"
        )
        with (
            running([_program("clamd"), "-c", str(place / "clamd.conf")], place, place / "clamd"),
            running([_program("clamav-milter"), "-c", str(place / "milter.conf")], place, place / "socket"),
        ):
            yield place / "socket"
