"""cluster/rpc/server.py, over a link in memory"""

import asyncio

import pytest

from cluster.errors import Moved, NotFound, Trouble, Unavailable
from cluster.meta.engine import Broken
from cluster.rpc import encoding
from cluster.rpc.link import LinkDown
from cluster.rpc.server import Limits
from tests.unit.cluster.rpc.ends import Ends, Heard, settle


async def test_troubles_arrive_as_what_they_are() -> None:
    ends = Ends()
    for fails, kind in ((NotFound("No such.", log="key k"), NotFound), (Broken("Gone."), Unavailable)):
        ends.service.fails = fails
        with pytest.raises(kind) as caught:
            await ends.call(b"a")
        assert (type(caught.value), caught.value.says, caught.value.log) == (kind, fails.says, fails.log)
    await ends.close()


async def test_a_defect_costs_one_call_and_tells_nothing() -> None:
    ends = Ends()
    for defect in (ValueError("a secret"), asyncio.CancelledError()):
        ends.service.fails = defect  # type: ignore[assignment]
        with pytest.raises(Trouble) as caught:
            await ends.call(b"a")
        assert type(caught.value) is Trouble
        assert "secret" not in caught.value.log
    ends.service.fails = None
    assert await ends.call(b"b") == b"<b>"
    await ends.close()


async def test_a_kind_that_is_not_here_has_moved() -> None:
    ends = Ends()
    with pytest.raises(Moved):
        await ends.caller.call("y", 1, b"", 10)
    await ends.close()


async def test_calls_in_progress_are_bounded_by_reading_no_more() -> None:
    ends = Ends(limits=Limits(calls=2))
    gates = [ends.service.gate(b"%d" % number) for number in range(4)]
    calls = [asyncio.create_task(ends.call(b"%d" % number)) for number in range(4)]
    await settle()
    assert len(ends.service.begun) == 2
    for number, gate in enumerate(gates):
        gate.set_result(b"%d!" % number)
        await settle()
    assert await asyncio.gather(*calls) == [b"%d!" % number for number in range(4)]
    await ends.close()


async def test_a_call_that_waited_past_its_deadline_is_not_begun() -> None:
    ends = Ends(limits=Limits(calls=1))
    gate = ends.service.gate(b"first")
    first = asyncio.create_task(ends.call(b"first"))
    second = asyncio.create_task(ends.call(b"second", timeout_s=0.01))
    with pytest.raises(Unavailable):
        await second
    gate.set_result(b"")
    await first
    assert await ends.call(b"third") == b"<third>"
    assert [body for _, body in ends.service.begun] == [b"first", b"third"]
    await ends.close()


async def test_a_slow_subscriber_is_cut_off_at_its_bound_and_holds_nothing_more() -> None:
    ends = Ends(limits=Limits(outlet_bytes=10_000))
    heard = Heard()
    await ends.caller.subscribe("x", 1, b"s", heard, 10)
    outlet = ends.service.outlets[0]
    for _ in range(20):  # without a turn of the loop: nothing can be sent
        outlet.push(bytes(1000))
    assert ends.service.left == []
    await settle()
    assert ends.service.left == [outlet]
    assert heard.bodies == []
    assert [(type(loss), loss.says) for loss in heard.losses] == [(Unavailable, "The client is too slow.")]
    assert await ends.call(b"a") == b"<a>"
    await ends.close()


async def test_all_subscribers_together_are_bounded_too() -> None:
    ends = Ends(limits=Limits(outlets_bytes=10_000))
    heard = [Heard(), Heard()]
    for sink in heard:
        await ends.caller.subscribe("x", 1, b"s", sink, 10)
    ends.service.outlets[0].push(bytes(9000))
    ends.service.outlets[1].push(bytes(2000))
    await settle()
    assert [len(sink.losses) for sink in heard] == [0, 1]
    assert heard[0].bodies == [bytes(9000)]
    await ends.close()


async def test_a_very_large_push_lets_small_calls_pass() -> None:
    ends = Ends()
    heard = Heard()
    await ends.caller.subscribe("x", 1, b"s", heard, 10)
    ends.service.outlets[0].push(bytes(48 * 1024 * 1024))
    for number in range(5):  # each is answered while the push is under way
        assert await ends.call(b"%d" % number) == b"<%d>" % number
        assert heard.bodies == []
    async with asyncio.timeout(30):
        while not heard.bodies:
            await asyncio.sleep(0)
    assert heard.bodies == [bytes(48 * 1024 * 1024)]
    await ends.close()


async def test_leaving_in_the_midst_of_a_large_push_frees_it() -> None:
    ends = Ends(buffered_bytes=1000)
    heard = Heard()
    hold = await ends.caller.subscribe("x", 1, b"s", heard, 10)
    ends.service.outlets[0].push(bytes(5_000_000))
    await settle(5)
    hold.close()
    await settle()
    assert ends.service.left == ends.service.outlets
    assert await ends.call(b"a" * 600_000) == b"<" + b"a" * 600_000 + b">"
    assert heard.bodies == []
    await ends.close()


async def test_draining_answers_what_is_in_progress_and_refuses_what_is_new() -> None:
    ends = Ends()
    gate = ends.service.gate(b"slow")
    heard = Heard()
    await ends.caller.subscribe("x", 1, b"s", heard, 10)
    slow = asyncio.create_task(ends.call(b"slow"))
    await settle()
    draining = asyncio.create_task(ends.server.drain(10))
    await settle()
    with pytest.raises(Moved):
        await ends.call(b"new")
    gate.set_result(b"done")
    assert await slow == b"done"
    await draining
    await settle()
    assert [type(loss) for loss in heard.losses] == [Moved]
    assert ends.service.left == ends.service.outlets
    with pytest.raises(LinkDown):
        await ends.call(b"later")
    await ends.close()


async def test_draining_has_an_end() -> None:
    ends = Ends()
    gate = ends.service.gate(b"slow")
    slow = asyncio.create_task(ends.call(b"slow"))
    await settle()
    await ends.server.drain(0.01)
    with pytest.raises(LinkDown):
        await slow
    await settle()
    assert gate.cancelled()
    await ends.close()


async def test_a_call_that_is_cancelled_before_it_begins_takes_no_room() -> None:
    ends = Ends(limits=Limits(calls=1))
    item = encoding.call(1000, "x", 1, b"never", 10_000, False)
    await ends.near.send(encoding.frame_of(item) + encoding.frame_of(encoding.cancel(1000)))
    assert await ends.call(b"a") == b"<a>"
    assert [body for _, body in ends.service.begun] == [b"a"]
    await ends.close()


async def test_a_call_made_twice_ends_the_link() -> None:
    ends = Ends()
    ends.service.gate(b"a")
    waiting = asyncio.create_task(ends.call(b"a"))
    await settle()
    await ends.near.send(encoding.frame_of(encoding.call(1, "x", 1, b"a", 10_000, False)))
    with pytest.raises(LinkDown):
        await waiting
    await ends.close()
