"""Some random requests. As many as one likes: `python -m tests.fuzz.jmap_session`."""

import random

import pytest

from gateway.jmap import dispatch
from gateway.jmap.dispatch import HANDLERS
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Turn
from tests.fuzz.jmap_session.calls import call
from tests.fuzz.jmap_session.play import play
from tests.fuzz.jmap_session.script import Step, script


@pytest.mark.parametrize("seed", range(12))
async def test_promises_are_kept(seed: int) -> None:
    await play(script(seed), far=seed % 4 == 0)


def test_every_method_is_called() -> None:
    dice = random.Random(1)
    assert set(HANDLERS) <= {call(dice, 0)[0] for _ in range(2000)}


@pytest.mark.parametrize(
    "answer",
    [
        {"accountId": "Ab", "state": "1", "list": [], "notFound": ["E1", "E1"]},
        {"accountId": "Ab", "state": "1", "list": []},
        {"accountId": "Ab", "state": 1, "list": [], "notFound": ["E1"]},
        {"accountId": "Ac", "state": "1", "list": [], "notFound": ["E1"]},
        {"accountId": "Ab", "state": "1", "list": [{"id": "E1", "size": -1}], "notFound": []},
        {"accountId": "Ab", "state": "1", "list": [{"id": "E1"}], "notFound": []},
        {"accountId": "Ab", "state": "1", "list": [], "notFound": []},
    ],
)
async def test_a_broken_promise_is_seen(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lying(_turn: Turn, _asked: object) -> Answer:
        return answer

    monkeypatch.setitem(dispatch.HANDLERS, "Email/get", lying)
    asked = {"accountId": "Ab", "ids": ["E1"], "properties": ["size"]}
    with pytest.raises(AssertionError):
        await play([Step("alice", [["Email/get", asked, "c"]])])


async def test_a_defect_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(_turn: Turn, _asked: object) -> Answer:
        raise KeyError("x")

    monkeypatch.setitem(dispatch.HANDLERS, "Email/get", failing)
    with pytest.raises(AssertionError, match="KeyError"):
        await play([Step("alice", [["Email/get", {"accountId": "Ab", "ids": ["E1"]}, "c"]])])
