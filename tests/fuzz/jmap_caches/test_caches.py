"""Some random histories. As many as one likes: `python -m tests.fuzz.jmap_caches`."""

import pytest

from gateway.jmap import dispatch
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Turn
from tests.fuzz.jmap_caches.play import play


@pytest.mark.parametrize("seed", range(8))
async def test_caches_are_as_the_server_is(seed: int) -> None:
    await play(seed, far=seed % 4 == 0)


@pytest.mark.parametrize("kind", ["Mailbox", "Email", "Thread"])
@pytest.mark.parametrize("told", ["created", "updated", "destroyed"])
async def test_what_is_kept_back_is_seen(kind: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = dispatch.HANDLERS[f"{kind}/changes"]

    async def forgetful(turn: Turn, asked: object) -> Answer:
        answer = await handler(turn, asked)
        return {**answer, told: []}

    if (kind, told) == ("Thread", "updated"):
        pytest.skip("rare in so few steps")
    monkeypatch.setitem(dispatch.HANDLERS, f"{kind}/changes", forgetful)
    failed = 0
    for seed in range(3):
        try:
            await play(seed)
        except AssertionError:
            failed += 1
    assert failed
