"""Makes the generated code of proto/wire from its schemas: `python -m ops.generate`. It is committed.

Generated files are never edited; tests/house compares them with what this makes.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "proto"  # a schema imports another as "wire/x.proto", its code as wire.x_pb2
PATTERNS: Final = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


class GenerateError(Exception):
    """The compiler refused a schema; the text is what it said."""


def schemas(source: Path = SOURCE) -> list[Path]:
    """The schemas under `source`/wire."""
    return sorted((source / "wire").rglob("*.proto"))


def generated(folder: Path) -> Iterator[Path]:
    """The generated files under `folder`, relative to it."""
    return (path.relative_to(folder) for pattern in PATTERNS for path in sorted(folder.rglob(pattern)))


def generate(out: Path, source: Path = SOURCE) -> list[Path]:
    """Write messages, services and their types for every schema into `out`; returns the paths relative to it.

    Raises:
        GenerateError: a schema is not valid.
    """
    if found := schemas(source):
        tools = Path(sys.executable).parent
        plugins = [f"--plugin={tools / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
        outs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}", *plugins, *outs, *map(str, found)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GenerateError(done.stderr)
    return sorted(generated(out))


def main() -> None:
    """Replace the generated code of the checkout."""
    for stale in list(generated(SOURCE)):
        (SOURCE / stale).unlink()
    for path in generate(SOURCE):
        print(Path("proto") / path)


if __name__ == "__main__":
    try:
        main()
    except GenerateError as error:
        sys.exit(str(error))
