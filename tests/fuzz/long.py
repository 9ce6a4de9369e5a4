"""Fuzz a promise for as long as one likes: `python -m tests.fuzz.long NAME [-max_total_time=60]`.

The names are in tests/fuzz/README.md; the options are libFuzzer's.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["actors", "cluster", "mail", "ops.transfer"]):
    from tests.fuzz.promises import PROMISES, valid


def main() -> None:
    """Start from what is valid."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in PROMISES:
        raise SystemExit(f"Name one of: {', '.join(PROMISES)}")
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as corpus:
        for number, data in enumerate(valid(name)):
            (Path(corpus) / str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], PROMISES[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
