"""A world for a mail server that has paths and users compiled in: a root folder of its own, in namespaces of its own.

The server sees the machine's /usr and /lib, over that the files of its unpacked packages, and an /etc and a /var that
are ours. The law: nothing of the machine is changed, and no process of a world outlives it or who made it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

SHARED: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr where that is merged
FIRST_ID: Final = 61_000  # of users and groups that only a world has
STOP_S: Final = 20.0
TOLD_CHARS: Final = 1500  # of each log
NAMESPACES: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL")


@cache
def can_make() -> bool:
    """Whether this process may make worlds: root, and its kernel or container lets it."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    mounting = ["sh", "-c", "mount -t proc proc /proc && mount --bind /usr /usr"]
    return not subprocess.run([*NAMESPACES, *mounting], check=False, capture_output=True).returncode


class World:
    """A root folder, and a program that runs in it."""

    def __init__(self, folder: Path, users: Mapping[str, str], unpacked: Path | None = None) -> None:
        """`users`: name and home of those who are here and not on the machine. `unpacked`: a root folder of packages,
        whose files are seen before the machine's."""
        self.root = folder
        self.log = folder / "log"
        self._binds: list[tuple[Path, Path]] = []
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("etc", "var", "run", "tmp", "dev", "proc", "usr", "log"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "tmp").chmod(0o1777)
        (folder / "var/run").symlink_to("/run")
        self._lay_out(unpacked)
        self._introduce(users)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file of the world."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def folder(self, path: str, owner: str = "root", group: str = "", mode: int = 0o755) -> Path:
        """A folder of the world."""
        made = self.root / path
        made.mkdir(parents=True, exist_ok=True)
        os.chown(made, self.ids[owner], self.ids[group or owner])
        made.chmod(mode)
        return made

    def start(self, *command: str) -> None:
        """Run a program that stays in the foreground. It ends with the thread that called, at the latest."""
        with (self.log / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *self._inside(command)], stdout=output, stderr=output
            )

    def run(self, *command: str) -> str:
        """Run a program to its end; what it printed. Raises CalledProcessError."""
        done = subprocess.run(self._inside(command), check=True, text=True, capture_output=True, timeout=STOP_S)
        return done.stdout

    @property
    def is_running(self) -> bool:
        """Whether the program that was started has not ended."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Kill what runs here."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)
            self._process = None

    def told(self) -> str:
        """The end of what its program has written to its logs."""
        files = [path for path in sorted(self.log.rglob("*")) if path.is_file()]
        return "\n".join(f"-- {path.name}\n{path.read_text(errors='replace')[-TOLD_CHARS:]}" for path in files)

    # -- within ----------------------------------------------------------------------------------------------------

    def _lay_out(self, unpacked: Path | None) -> None:
        """/usr is the machine's, but for folders of programs of which the packages have some; those are the packages'
        alone with the machine's bin beside them."""
        for name in SHARED:
            there = Path("/") / name
            if there.is_symlink():
                (self.root / name).symlink_to(there.readlink())
            elif there.exists():
                self._bind(there, name)
        for there in sorted(Path("/usr").iterdir()):
            ours = unpacked / "usr" / there.name if unpacked else None
            own = ours is not None and there.name in ("sbin", "libexec") and ours.exists()
            if there.is_symlink():
                (self.root / "usr" / there.name).symlink_to(there.readlink())
            elif there.is_dir():
                self._bind(ours if own and ours else there, f"usr/{there.name}")
        self.library_path = ""
        if unpacked is not None:
            self._bind(unpacked, "unpacked")
            libraries = sorted({path.parent for path in unpacked.rglob("lib*.so.*")})
            self.library_path = ":".join(f"/unpacked/{path.relative_to(unpacked)}" for path in libraries)

    def _bind(self, there: Path, here: str) -> None:
        (self.root / here).mkdir(parents=True, exist_ok=True)
        self._binds.append((there, self.root / here))

    def _introduce(self, users: Mapping[str, str]) -> None:
        """Users and groups: the machine's, and those of the world."""
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        self.ids: dict[str, int] = {"root": 0}
        for number, (name, home) in enumerate(users.items(), FIRST_ID):
            self.ids[name] = number
            passwd += f"{name}:x:{number}:{number}::{home}:/bin/sh\n"
            group += f"{name}:x:{number}:\n"
        self.write("etc/passwd", passwd)
        self.write("etc/group", group)
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.write("etc/services", "smtp 25/tcp mail\n")

    def _inside(self, command: Sequence[str]) -> list[str]:
        """The command, in namespaces in which its root is ours."""
        root = str(self.root)
        steps = [f"mount --bind '{there}' '{here}'" for there, here in self._binds]
        steps += [f"mount --rbind /dev '{root}/dev'", f"mount -t proc proc '{root}/proc'"]
        environ = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        if self.library_path:
            environ.append(f"LD_LIBRARY_PATH={self.library_path}")
        # The shell stays, as the first process of its namespace: it dies with who made it, and all others with it. A
        # server that changes its user would lose the signal that tells of its parent's death.
        script = " && ".join(steps) + ' && chroot "$0" "$@"; exit $?'
        return [*NAMESPACES, "sh", "-c", script, root, *environ, *command]
