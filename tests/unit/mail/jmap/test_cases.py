"""Every case of every file gives what the file says."""

import json

import pytest

from tests.unit.mail.jmap.driver import FOLDER, RUNNERS, cases, result

ALL = [
    pytest.param(path.stem, case, id=f"{path.stem}-{title}")
    for path in sorted(FOLDER.glob("*.txt"))
    for title, case in cases(path.name)
]


@pytest.mark.parametrize(("runner", "case"), ALL)
def test_case(runner: str, case: dict[str, str]) -> None:
    got = result(runner, case)
    if "has" in case:
        wanted = json.loads(case["has"])
        got = {name: got.get(name, "(nothing)") for name in wanted} if "error" not in got else got
    else:
        wanted = json.loads(case["is"])
    assert got == wanted


def test_each_runner_has_cases() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(RUNNERS)
