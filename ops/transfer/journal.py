"""What an import has done, in a file that outlives it: one line before a batch is sent, one when it is durable there.

The law: a batch is sent only once its line is on the disk, so after any kill each batch is known to be done, or in
doubt, in which case the same messages are sent again under the same key, and the server stores them once.
"""

import fcntl
import hashlib
import json
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cluster.disk import make_directory, sync_directory
from cluster.errors import Misconfigured
from ops.transfer.folder import Token

VERSION: Final = 1
_KEY_BYTES: Final = 24


class Journal:
    """The journal of one folder's way into one account's mailbox; held by one import at a time."""

    def __init__(self, directory: Path, subject: str, *, from_start: bool = False) -> None:
        """`subject`: account, folder and mailbox. `from_start`: forget what was done. Raises Misconfigured."""
        self._path = directory / f"{hashlib.blake2b(subject.encode(), digest_size=16).hexdigest()}.jsonl"
        try:
            make_directory(directory)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(f"The journal of the import cannot be written: {error}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise Misconfigured("Another import of the same folder is under way; wait for it.") from error
        self.done: list[Token] = []
        self.doubtful: dict[bytes, Token] = {}  # by the key they were sent under
        self._run = ""
        if from_start:
            os.ftruncate(self._handle, 0)
        self._read(subject)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def intend(self, token: Token) -> bytes:
        """Write down what is about to be sent; returns the key to send it under."""
        text = json.dumps([self._run, token], sort_keys=True).encode()
        key = hashlib.blake2b(text, digest_size=_KEY_BYTES).digest()
        self._append({"key": key.hex(), "token": token})
        self.doubtful[key] = token
        return key

    def finish(self, key: bytes) -> None:
        """Write down that it is durable at the server."""
        self._append({"done": key.hex()})
        self.done.append(self.doubtful.pop(key))

    def _read(self, subject: str) -> None:
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]  # a kill may have cut the last line
        os.ftruncate(self._handle, len(whole))
        os.lseek(self._handle, 0, os.SEEK_END)
        lines = whole.splitlines()
        try:
            self._begin(json.loads(lines[0]) if lines else None, subject)
            for line in lines[1:]:
                self._replay(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"The journal of the import, {self._path}, is damaged: remove it to import from the start."
            ) from error

    def _begin(self, head: Any, subject: str) -> None:
        if head is None:
            head = {"version": VERSION, "subject": subject, "run": secrets.token_hex(8)}
            self._append(head)
            sync_directory(self._path.parent)
        if head["version"] != VERSION:
            raise ValueError("another version")
        self._run = head["run"]

    def _replay(self, line: dict[str, Any]) -> None:
        if "done" in line:
            self.done.append(self.doubtful.pop(bytes.fromhex(line["done"])))
        else:
            self.doubtful[bytes.fromhex(line["key"])] = line["token"]

    def _append(self, line: dict[str, Any]) -> None:
        os.write(self._handle, json.dumps(line).encode() + b"\n")
        os.fdatasync(self._handle)
