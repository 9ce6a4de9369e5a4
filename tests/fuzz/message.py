"""Fuzz the message scanner by hand: python tests/fuzz/message.py -runs=100000

The promise is that of tests/unit/mail/message/test_properties.py: for any bytes no exception leaves
`read_message`, and the record is whole, in bounds, well formed and comes back from its encoding as it was.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "proto")]

with atheris.instrument_imports(include=["mail"]):
    from mail.message.content import body_text, search_text
    from mail.message.record import read_message
    from tests.unit.mail.message.shapes import check_record


def check(raw: bytes) -> None:
    """One run."""
    record = read_message(raw)
    check_record(raw, record)
    search_text(raw, record).encode()
    body_text(raw, record).encode()


def main() -> None:
    """Start from the cases of the unit tests unless a corpus is named."""
    arguments = sys.argv
    if not any(Path(argument).is_dir() for argument in arguments[1:]):
        # A directory given second is only read from; libFuzzer writes to the first.
        arguments = [*arguments, "/tmp/fuzz-message", str(ROOT / "tests/unit/mail/message/cases")]
        Path("/tmp/fuzz-message").mkdir(exist_ok=True)
    atheris.Setup(arguments, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
