"""actors/shell/client.py: calls within one process, and answers that make no sense."""

import pytest

from actors.shell.client import Asking, Direct, Near
from cluster.errors import Moved, Refused, Unavailable
from tests.unit.actors.shell.notes import Read, Told


class Mumbling:
    """A Service that cannot be understood."""

    async def call(self, slot: int, body: bytes) -> bytes:
        return b"\xc1"

    async def subscribe(self, slot: int, body: bytes, outlet: object) -> bytes:
        return b""

    def unsubscribed(self, outlet: object) -> None:
        """Nothing."""


async def test_an_answer_that_cannot_be_read_is_no_answer() -> None:
    with pytest.raises(Unavailable):
        await Asking(Direct({"notes": Mumbling()}), "notes").ask(0, Read([]), Told)


async def test_what_is_not_here_is_unavailable() -> None:
    direct = Direct({})
    with pytest.raises(Unavailable):
        await direct.call("notes", 0, b"")
    with pytest.raises(Refused):
        await direct.subscribe("notes", 0, b"", None)  # type: ignore[arg-type]


class Answering:
    """Says its word, or that the slot is elsewhere."""

    def __init__(self, word: bytes, gone: Exception | None = None) -> None:
        self.word = word
        self.gone = gone

    async def call(self, kind_or_slot: object, *rest: object, timeout_s: float = 0) -> bytes:
        if self.gone is not None:
            raise self.gone
        return self.word

    async def subscribe(self, *rest: object, timeout_s: float = 0) -> object:
        return self.word

    def unsubscribed(self, outlet: object) -> None:
        """Nothing."""


async def test_a_shard_of_this_process_is_asked_first_and_then_whoever_has_the_slot() -> None:
    far = Answering(b"far")
    for here, answer in (
        ({"notes": Answering(b"here")}, b"here"),
        ({"notes": Answering(b"", Moved("It is elsewhere."))}, b"far"),
        ({"other": Answering(b"here")}, b"far"),
    ):
        assert await Near(here, far).call("notes", 3, b"") == answer  # type: ignore[arg-type]
    with pytest.raises(Refused):  # an answer like any other
        await Near({"notes": Answering(b"", Refused("No."))}, far).call("notes", 3, b"")  # type: ignore[dict-item, arg-type]
    assert await Near({}, far).subscribe("notes", 3, b"", None) == b"far"  # type: ignore[arg-type, comparison-overlap]
