"""The controller's question to a shard, and its answers."""

import pytest

from cluster.errors import Moved, Refused, Unavailable
from cluster.placement.control import Control, releasing
from tests.unit.cluster.placement.fakes import member

A = member("mailbox-a-0")


async def test_a_release_reaches_the_shard_of_its_kind() -> None:
    released: list[tuple[str, int]] = []

    async def release(slot: int) -> None:
        released.append(("mailbox", slot))

    control = Control({"mailbox": release})

    async def call(address: str, kind: str, slot: int, body: bytes) -> bytes:
        assert (address, kind) == (A.address, "control")
        return await control.call(slot, body)

    await releasing(call)(A, "mailbox", 7)
    assert released == [("mailbox", 7)]
    with pytest.raises(Moved):
        await releasing(call)(A, "queue", 8)


async def test_the_shards_trouble_reaches_the_controller() -> None:
    async def release(slot: int) -> None:
        raise Unavailable("Not now.")

    control = Control({"mailbox": release})

    async def call(address: str, kind: str, slot: int, body: bytes) -> bytes:
        return await control.call(slot, body)

    with pytest.raises(Unavailable):
        await releasing(call)(A, "mailbox", 7)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"kind":"mailbox"}', b'{"kind":"mailbox","slot":8}'])
async def test_what_is_no_question_is_refused(body: bytes) -> None:
    async def release(slot: int) -> None:
        raise AssertionError

    with pytest.raises(Refused):
        await Control({"mailbox": release}).call(7, body)


async def test_there_is_nothing_to_subscribe_to() -> None:
    class Outlet:
        def push(self, body: bytes) -> None:
            """Nothing comes."""

        def end(self, trouble: object) -> None:
            """Nothing comes."""

    control = Control({})
    with pytest.raises(Refused):
        await control.subscribe(7, b"", Outlet())
    control.unsubscribed(Outlet())
