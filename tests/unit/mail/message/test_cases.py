"""Each message in cases/ has the ENVELOPE and BODYSTRUCTURE that stand beside it."""

from pathlib import Path

import pytest

from mail.message.record import read_message
from tests.unit.mail.message.shapes import check_record

CASES = sorted((Path(__file__).parent / "cases").glob("*.eml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case_is_rendered_as_expected(case: Path) -> None:
    raw = case.read_bytes()
    record = read_message(raw)
    check_record(raw, record)
    assert record.envelope + b"\n" + record.bodystructure + b"\n" == case.with_suffix(".expected").read_bytes()


def test_there_are_cases() -> None:
    assert len(CASES) >= 15
