"""The MinIO that the contract suites of one process share, and names for buckets in it."""

import atexit
import hashlib
from functools import cache
from pathlib import Path

from tests.minio import Server


@cache
def shared_server() -> Server:
    """Started on first use, gone with the process. No test may stop it."""
    server = Server()
    atexit.register(server.remove)
    return server


def bucket_for(directory: Path) -> str:
    """A bucket's name that no other test has."""
    return "t" + hashlib.sha256(str(directory).encode()).hexdigest()[:20]
