"""How an import is cut into batches."""

import pytest

from ops.transfer import send
from ops.transfer.folder import Found
from ops.transfer.send import PROBLEMS_MAX, Report, batches


def found(*sizes: int) -> list[Found]:
    return [Found(str(number), number, b"x" * size, size=size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "cut"),
    [
        ((), []),
        ((1, 1), [2]),
        ((1,) * 9, [4, 4, 1]),
        ((6, 4, 1, 1), [2, 2]),
        ((50, 1, 50), [1, 1, 1]),
        ((1, 50), [1, 1]),
    ],
)
def test_batches(monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], cut: list[int]) -> None:
    monkeypatch.setattr(send, "BATCH_MESSAGES", 4)
    monkeypatch.setattr(send, "BATCH_BYTES", 10)
    made = list(batches(found(*sizes)))
    assert [len(batch) for batch in made] == cut
    assert [one for batch in made for one in batch] == found(*sizes)


def test_problems_are_bounded() -> None:
    report = Report()
    for number in range(PROBLEMS_MAX + 1):
        report.add(str(number), "bad")
    assert len(report.problems) == PROBLEMS_MAX
