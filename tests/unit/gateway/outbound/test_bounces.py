"""Replies as the world gives them, and what each means: replies.txt, a line each."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbound.bounces import CAUSES, Verdict, classify

_LINES = [
    line
    for line in (Path(__file__).parent / "replies.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
_REPLY = re.compile(r"(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)")


@pytest.mark.parametrize("line", _LINES)
def test_reply(line: str) -> None:
    cause, host, said = line.split(" | ", 2)
    found = _REPLY.fullmatch(said)
    assert found
    assert classify(int(found[1]), found[2] or "", found[3]) == Verdict(cause, host == "host")


def test_all_causes_are_named() -> None:
    assert {line.split(" | ")[0] for line in _LINES} <= set(CAUSES)


@given(st.integers(0, 599), st.from_regex(r"([245]\.\d{1,3}\.\d{1,3})?", fullmatch=True), st.text(max_size=300))
def test_any_reply_has_a_cause(code: int, status: str, said: str) -> None:
    assert classify(code, status, said).cause in CAUSES
