"""cluster/rpc/outbox.py"""

import asyncio

from cluster.rpc import encoding
from cluster.rpc.encoding import PART_BYTES, frame_of
from cluster.rpc.link import FRAME_BYTES_MAX, LinkDown
from cluster.rpc.outbox import BEGUN_MAX, Lane, Outbox, Tally
from tests.unit.cluster.rpc.ends import settle


class Slow:
    """A link whose sends wait for the test."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.gate = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        await self.gate.wait()

    async def receive(self) -> bytes:
        raise LinkDown("never")

    def close(self) -> None:
        pass

    def items(self, frame: bytes) -> list[tuple[int, str]]:
        return [(item.id, str(item.WhichOneof("what"))) for item in encoding.items_of(frame)]


def answer(number: int, body: bytes) -> bytes:
    return frame_of(encoding.answer(number, body))


async def test_what_gathers_while_a_frame_is_sent_goes_in_the_next() -> None:
    link = Slow()
    outbox = Outbox(link)
    running = asyncio.create_task(outbox.run())
    await settle()
    for number in range(1, 4):
        outbox.put_body(number, number, b"a", answer)
    await settle()
    assert [link.items(frame) for frame in link.frames] == [[(0, "hello")]]
    link.gate.set()
    await settle()
    assert link.items(link.frames[1]) == [(1, "answer"), (2, "answer"), (3, "answer")]
    assert outbox.waiting_bytes == 0
    await outbox.flush()
    running.cancel()


async def test_a_frame_has_one_part_of_a_large_body_and_small_ones_pass_it() -> None:
    link = Slow()
    link.gate.set()
    outbox = Outbox(link)
    for number in (1, 2):
        outbox.put_body(number, number, bytes(3 * PART_BYTES), answer)
    outbox.put_body(3, 3, b"small", answer)
    outbox.put_body(1, 4, b"behind", answer)
    running = asyncio.create_task(outbox.run())
    await settle(60)
    sent = [link.items(frame) for frame in link.frames]
    assert sent[0] == [(0, "hello"), (3, "answer"), (1, "part")]
    flat = [item for frame in sent for item in frame]
    assert flat.index((1, "answer")) < flat.index((4, "answer"))
    assert all(sum(what == "part" for _, what in frame) <= 1 for frame in sent)
    assert max(map(len, link.frames)) < FRAME_BYTES_MAX
    assert outbox.waiting_bytes == 0
    running.cancel()


async def test_no_more_is_begun_than_the_other_side_will_hold() -> None:
    link = Slow()
    link.gate.set()
    outbox = Outbox(link)
    body = bytes(40 * PART_BYTES)
    numbers = range(1, 41)  # all at once would be more than the other side holds
    assert len(numbers) * len(body) > encoding.PARTS_BYTES_MAX
    for number in numbers:
        outbox.put_body(number, number, body, answer)
    outbox.drop(7)
    running = asyncio.create_task(outbox.run())
    parts, most = encoding.Parts(), 0
    ended: list[int] = []
    while len(ended) < len(numbers) - 1:
        await settle()
        frames, link.frames = link.frames, []
        assert frames
        for item in (item for frame in frames for item in encoding.items_of(frame)):
            if item.WhichOneof("what") == "part":
                parts.add(item.id, item.part)  # raises when it is too much
                most = max(most, len(parts._parts))
            elif item.id:
                assert len(parts.whole(item.id, item.answer)) == len(body)
                ended.append(item.id)
    assert sorted(ended) == [number for number in numbers if number != 7]
    assert 1 < most <= BEGUN_MAX
    assert outbox.waiting_bytes == 0
    running.cancel()


async def test_what_is_dropped_is_not_sent_any_more_and_counts_no_more() -> None:
    link = Slow()
    outbox = Outbox(link)
    outbox.put_body(1, 1, bytes(3 * PART_BYTES), answer)
    tally = Tally()
    lane = Lane(tally)
    lane.put(2, bytes(3 * PART_BYTES), answer)
    outbox.queue(lane)
    running = asyncio.create_task(outbox.run())
    await settle()
    outbox.drop(1)
    lane.clear()
    assert outbox.waiting_bytes == 0
    assert tally.bytes == 0
    link.gate.set()
    await settle()
    assert [item for frame in link.frames for item in link.items(frame)] == [(0, "hello"), (1, "part")]
    running.cancel()


async def test_many_small_items_fill_several_frames() -> None:
    link = Slow()
    link.gate.set()
    outbox = Outbox(link)
    for number in range(1, 41):
        outbox.put_body(number, number, bytes(PART_BYTES), answer)
    running = asyncio.create_task(outbox.run())
    await settle(200)
    numbers = [number for frame in link.frames for number, what in link.items(frame) if what == "answer"]
    assert numbers == list(range(1, 41))
    assert max(map(len, link.frames)) < FRAME_BYTES_MAX
    running.cancel()


async def test_nobody_waits_for_what_a_broken_link_will_never_send() -> None:
    link = Slow()
    outbox = Outbox(link)
    running = asyncio.create_task(outbox.run())
    await settle()
    flushing = asyncio.create_task(outbox.flush())
    await settle()
    assert not flushing.done()
    running.cancel()
    async with asyncio.timeout(10):
        await flushing
        await outbox.flush()
