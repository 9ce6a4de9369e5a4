"""cluster/rpc/caller.py, over a link in memory"""

import asyncio

import pytest

from cluster.errors import Moved, TooLarge, Unavailable
from cluster.rpc import encoding
from cluster.rpc.link import LinkDown
from tests.unit.cluster.rpc.ends import Ends, Heard, settle
from wire import data_pb2


async def test_many_calls_at_once_each_get_their_own_answer() -> None:
    ends = Ends()
    bodies = [b"%d" % number for number in range(500)]
    assert await asyncio.gather(*[ends.call(body) for body in bodies]) == [b"<" + body + b">" for body in bodies]
    assert [body for _, body in ends.service.begun] == bodies
    assert not ends.caller.is_used
    await ends.close()


async def test_a_call_ends_at_its_deadline_and_the_service_hears_of_it() -> None:
    ends = Ends()
    gate = ends.service.gate(b"slow")
    with pytest.raises(Unavailable) as caught:
        await ends.call(b"slow", slot=7, timeout_s=0.01)
    assert "x slot 7" in caught.value.log
    await settle()
    assert gate.cancelled()
    assert ends.service.cancelled == 1
    assert await ends.call(b"next") == b"<next>"
    await ends.close()


async def test_a_cancelled_call_is_cancelled_there_and_a_late_answer_is_dropped() -> None:
    ends = Ends()
    ends.service.gate(b"slow")
    waiting = asyncio.create_task(ends.call(b"slow"))
    await settle()
    waiting.cancel()
    await settle()
    assert waiting.cancelled()
    assert ends.service.cancelled == 1
    assert not ends.caller.is_used
    await ends.close()


async def test_calls_above_the_bound_wait_and_above_the_bound_of_those_fail() -> None:
    ends = Ends(calls_max=2, waiting_max=1)
    gates = [ends.service.gate(b"%d" % number) for number in range(3)]
    calls = [asyncio.create_task(ends.call(b"%d" % number)) for number in range(3)]
    await settle()
    assert len(ends.service.begun) == 2
    with pytest.raises(Unavailable, match="calls wait"):
        await ends.call(b"more")
    gates[1].set_result(b"one")
    await settle()
    assert [body for _, body in ends.service.begun] == [b"0", b"1", b"2"]
    gates[0].set_result(b"zero")
    gates[2].set_result(b"two")
    assert await asyncio.gather(*calls) == [b"zero", b"one", b"two"]
    await ends.close()


async def test_waiting_for_room_ends_at_the_deadline_or_by_cancelling_and_holds_nothing() -> None:
    ends = Ends(calls_max=1)
    gate = ends.service.gate(b"first")
    first = asyncio.create_task(ends.call(b"first"))
    await settle()
    with pytest.raises(Unavailable):
        await ends.call(b"second", timeout_s=0.01)
    third = asyncio.create_task(ends.call(b"third"))
    await settle()
    gate.set_result(b"done")
    third.cancel()  # maybe in the turn in which it gets room
    assert await first == b"done"
    assert await ends.call(b"fourth") == b"<fourth>"
    assert not ends.caller.is_used
    await ends.close()


async def test_bytes_in_flight_are_bounded_but_a_large_body_goes_alone() -> None:
    ends = Ends(bytes_max=1000)
    gate = ends.service.gate(b"a" * 600)
    calls = [asyncio.create_task(ends.call(body * 600)) for body in (b"a", b"b")]
    await settle()
    assert len(ends.service.begun) == 1
    gate.set_result(b"")
    assert await asyncio.gather(*calls) == [b"", b"<" + b"b" * 600 + b">"]
    assert len(await ends.call(b"c" * 5000)) == 5002
    with pytest.raises(TooLarge):
        await ends.call(bytes(encoding.BODY_BYTES_MAX + 1))
    await ends.close()


async def test_when_the_link_breaks_every_call_and_every_sink_hears_it_once() -> None:
    ends = Ends(calls_max=3)
    gates = [ends.service.gate(b"%d" % number) for number in range(5)]
    heard = Heard()
    await ends.caller.subscribe("x", 1, b"s", heard, 10)
    calls = [asyncio.create_task(ends.call(b"%d" % number)) for number in range(5)]
    await settle()
    ends.far.close()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LinkDown] * 5
    assert [type(loss) for loss in heard.losses] == [Unavailable]
    await settle()
    assert ends.service.cancelled == 3
    assert all(gate.cancelled() for gate in gates[:3])
    assert len(ends.service.left) == 1
    with pytest.raises(LinkDown):
        await ends.call(b"later")
    assert len(heard.losses) == 1
    await ends.close()


async def test_what_is_pushed_comes_after_what_was_returned_and_in_order() -> None:
    ends = Ends()
    ends.service.early = [b"early", b"e" * 700_000]
    heard = Heard()
    hold = await ends.caller.subscribe("x", 1, b"s", heard, 10)
    assert (hold.first, heard.bodies) == (b"first", [])
    for body in (b"one", b"two" * 300_000, b"three"):
        ends.service.outlets[0].push(body)
    await settle(100)
    assert heard.bodies == [b"early", b"e" * 700_000, b"one", b"two" * 300_000, b"three"]
    hold.close()
    await settle()
    ends.service.outlets[0].push(b"nobody hears this")
    await settle()
    assert len(heard.bodies) == 5
    assert ends.service.left == ends.service.outlets
    assert not ends.caller.is_used
    await ends.close()
    assert heard.losses == []


async def test_a_subscription_that_the_service_ends_is_lost_with_its_reason() -> None:
    ends = Ends()
    heard = Heard()
    await ends.caller.subscribe("x", 1, b"s", heard, 10)
    ends.service.outlets[0].push(b"last")
    ends.service.outlets[0].end(Moved("Moved.", log="slot 1 went"))
    await settle()
    assert [(type(loss), loss.log) for loss in heard.losses] == [(Moved, "slot 1 went")]
    assert ends.service.left == []
    assert not ends.caller.is_used
    await ends.close()


async def test_a_subscription_whose_caller_leaves_while_it_begins_is_left_there_too() -> None:
    ends = Ends()
    for answered in (False, True):
        gate = ends.service.gate(b"s")
        heard = Heard()
        subscribing = asyncio.create_task(ends.caller.subscribe("x", 1, b"s", heard, 10))
        await settle()
        if answered:
            gate.set_result(b"first")
            while not any(each.future.done() for each in ends.caller._pending.values()) and ends.caller._pending:
                await asyncio.sleep(0)
        subscribing.cancel()
        await asyncio.gather(subscribing, return_exceptions=True)
        await settle()
        assert not ends.caller.is_used
        ends.service.outlets[-1].push(b"nobody")
        await settle()
        assert heard.bodies == []
        assert heard.losses == []
    assert len(ends.service.left) == 1  # the one that had begun
    await ends.close()


async def test_a_large_call_keeps_its_place_within_its_slot_and_lets_others_pass() -> None:
    ends = Ends(buffered_bytes=1024)
    large = bytes(3_000_000)
    calls = [
        asyncio.create_task(ends.call(body, slot=slot)) for slot, body in ((1, large), (1, b"behind"), (2, b"other"))
    ]
    await asyncio.gather(*calls)
    assert [(slot, len(body)) for slot, body in ends.service.begun] == [(2, 5), (1, 3_000_000), (1, 6)]
    await ends.close()


async def test_a_peer_that_does_not_speak_ends_the_link() -> None:
    ends = Ends()
    ends.service.gate(b"a")
    waiting = asyncio.create_task(ends.call(b"a"))
    await settle()
    await ends.far.send(b"\xff\xff")
    with pytest.raises(LinkDown, match="cannot be read"):
        await waiting
    await ends.close()


async def test_a_peer_of_an_older_version_is_told_so() -> None:
    with pytest.raises(encoding.Garbled, match="speaks version 0"):
        encoding.greeted(encoding.Item(hello=data_pb2.Hello()))


async def test_a_subscription_that_begins_in_the_turn_in_which_it_is_given_up_is_left() -> None:
    ends = Ends()
    ends.service.gate(b"s")
    subscribing = asyncio.create_task(ends.caller.subscribe("x", 1, b"s", Heard(), 10))
    await settle()
    ((number, pending),) = ends.caller._pending.items()
    ends.caller._expire(pending.future, "x", 1)
    ends.caller._handle(encoding.answer(number, b"first"))
    with pytest.raises(Unavailable):
        await subscribing
    await settle()
    (serving,) = ends.server._serving
    assert not serving._outlets
    assert not serving._running
    await ends.close()


async def test_a_call_that_gets_room_in_the_turn_in_which_it_is_cancelled_gives_it_back() -> None:
    ends = Ends(calls_max=1)
    ends.service.gate(b"first")
    first = asyncio.create_task(ends.call(b"first"))
    second = asyncio.create_task(ends.call(b"second"))
    await settle()
    ((number, _),) = ends.caller._pending.items()
    ends.caller._handle(encoding.answer(number, b"done"))
    second.cancel()
    assert await first == b"done"
    await settle()
    assert second.cancelled()
    assert await ends.call(b"third") == b"<third>"
    assert [body for _, body in ends.service.begun] == [b"first", b"third"]
    await ends.close()
