"""Makes what is generated from the schemas of proto/wire: their code, and the description of the HTTP API in
ops/docs/openapi.json. `python -m ops.generate`; it is committed.

Generated files are never edited; tests/house compares them with what this makes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "proto"  # a schema imports another as "wire/x.proto", its code as wire.x_pb2
OPENAPI: Final = ROOT / "ops" / "docs" / "openapi.json"
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


def described(source: Path, name: str) -> bytes:
    """A compiled schema with its comments.

    Raises:
        GenerateError: the schema is not valid.
    """
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}", "--include_source_info"]
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "schema"
        command += [f"--descriptor_set_out={compiled}", str(source / "wire" / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GenerateError(done.stderr)
        return compiled.read_bytes()


def openapi() -> str:
    """The description of the HTTP API, of the schema and the code that was made of it. Raises as `described`."""
    # Only here: the code that is imported has to be made first.
    from ops.admin.http.comments import comments_of
    from ops.admin.http.document import document

    comments = comments_of(described(SOURCE, "admin.proto"))
    return json.dumps(document(comments), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Replace what is generated in the checkout."""
    for stale in list(generated(SOURCE)):
        (SOURCE / stale).unlink()
    for path in generate(SOURCE):
        print(Path("proto") / path)
    OPENAPI.write_text(openapi())
    print(OPENAPI.relative_to(ROOT))


if __name__ == "__main__":
    try:
        main()
    except GenerateError as error:
        sys.exit(str(error))
