"""Every promise of promises.py for a moment: on what is valid, on what is spoilt from it, and on noise."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.promises import PROMISES, valid


@st.composite
def _spoilt(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """Something valid with a piece replaced, cut out or put in."""
    data = draw(st.sampled_from(whole))
    if len(data) > 10_000:
        return data
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 8)))
    return data[:start] + draw(st.binary(max_size=8)) + data[end:]


@pytest.mark.parametrize("name", PROMISES)
def test_valid(name: str) -> None:
    for data in valid(name):
        PROMISES[name](data)


@pytest.mark.parametrize("name", PROMISES)
def test_spoilt_and_noise(name: str) -> None:
    quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)

    @quick
    @given(_spoilt(valid(name)) | st.binary(max_size=100))
    def try_it(data: bytes) -> None:
        PROMISES[name](data)

    try_it()


def test_each_is_in_the_table() -> None:
    table = (Path(__file__).parent / "README.md").read_text()
    assert [name for name in PROMISES if f"long {name}`" not in table and f"… {name}`" not in table] == []
