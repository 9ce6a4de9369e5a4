"""actors/shell/client.py: calls within one process, and answers that make no sense."""

import pytest

from actors.shell.client import Asking, Direct
from cluster.errors import Refused, Unavailable
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
