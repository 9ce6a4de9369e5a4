"""cluster/rpc: whatever happens in which order, each call has one outcome and each sink one end"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import Trouble, Unavailable
from cluster.rpc.link import LinkDown
from cluster.rpc.server import Limits
from tests.unit.cluster.rpc.ends import Ends, Heard, settle

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from([3, 700_000]), st.integers(0, 1)),
        st.tuples(st.just("subscribe"), st.just(0), st.just(0)),
        st.tuples(st.just("answer"), st.sampled_from([3, 700_000]), st.integers(0, 9)),
        st.tuples(st.just("fail"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("expire"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("push"), st.sampled_from([3, 700_000]), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("end"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("settle"), st.integers(1, 40), st.just(0)),
        st.tuples(st.just("break"), st.integers(0, 1), st.just(0)),
    ),
    max_size=40,
)


class Play:
    """Carries out steps, and remembers what has to hold."""

    def __init__(self) -> None:
        self.ends = Ends(limits=Limits(calls=6), buffered_bytes=1000, calls_max=6, waiting_max=3)
        self.tasks: list[asyncio.Task[Any]] = []
        self.bodies: list[bytes] = []
        self.sinks: list[Heard] = []
        self.pushed: dict[int, list[bytes]] = {}
        self.number = 0

    def step(self, what: str, size: int, at: int) -> None:
        if what in ("call", "subscribe"):
            self.number += 1
            body = b"%d." % self.number + bytes(size)
            self.ends.service.gate(body)
            self.bodies.append(body)
            if what == "call":
                self.tasks.append(asyncio.create_task(self.ends.call(body, slot=at, timeout_s=100)))
            else:
                self.sinks.append(Heard())
                self.tasks.append(
                    asyncio.create_task(self.ends.caller.subscribe("x", 1, body, self.sinks[-1], timeout_s=100))
                )
        elif what in ("answer", "fail"):
            self.answer(what, size, at)
        elif what == "cancel" and self.tasks:
            self.tasks[at % len(self.tasks)].cancel()
        elif what == "expire" and self.ends.caller._pending:
            pending = list(self.ends.caller._pending.values())
            self.ends.caller._expire(pending[at % len(pending)].future, "x", 1)
        elif what in ("push", "end") and self.ends.service.outlets:
            which = at % len(self.ends.service.outlets)
            outlet: Any = self.ends.service.outlets[which]
            if what == "end":
                outlet.end(Unavailable("Ended."))
            elif not outlet.is_over:
                bodies = self.pushed.setdefault(which, [])
                bodies.append(b"%d." % len(bodies) + bytes(size))
                outlet.push(bodies[-1])
        elif what == "leave":
            holds = [task.result() for task in self.tasks if succeeded(task) and hasattr(task.result(), "close")]
            if holds:
                holds[at % len(holds)].close()
        elif what == "break":
            (self.ends.near if size else self.ends.far).close()

    def answer(self, what: str, size: int, at: int) -> None:
        gates = [(body, gate) for body, gate in self.ends.service.gates.items() if not gate.done()]
        if gates:
            body, gate = gates[at % len(gates)]
            if what == "fail":
                gate.set_exception(Trouble("Failed."))
            else:
                gate.set_result(body + bytes(size))


def succeeded(task: "asyncio.Task[Any]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def both_know_the_same(ends: Ends) -> None:
    """Once all is settled: nothing is carried out or held there that nobody here waits for, and the counts hold."""
    caller = ends.caller
    if caller.is_down or not ends.server._serving:
        return
    (serving,) = ends.server._serving
    # Where a service ended a subscription before it had begun it, it goes on beginning as long as it likes.
    outlets: list[Any] = ends.service.outlets
    assert serving._running.keys() - {outlet.number for outlet in outlets if outlet.is_over} <= caller._pending.keys()
    assert serving._outlets.keys() <= caller._pending.keys() | caller._subscribed.keys()
    assert caller._subscribed.keys() <= serving._outlets.keys()
    assert caller._calls == len(caller._pending)
    assert caller._bytes == sum(each.size for each in caller._pending.values())
    assert (caller._outbox.waiting_bytes, serving.outbox.waiting_bytes) == (0, 0)
    held = [outlet.lane.bytes for outlet in serving._outlets.values() if not outlet.has_begun]
    assert serving.pushed.bytes == sum(held)
    assert not caller._outbox._lanes
    assert not serving.outbox._lanes


async def play(steps: list[tuple[str, int, int]]) -> None:
    loop = asyncio.get_running_loop()
    mistakes: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: mistakes.append(context))
    played = Play()
    for what, size, at in steps:
        if what == "settle":
            await settle(size)
        else:
            played.step(what, size, at)
    await settle(400)
    both_know_the_same(played.ends)
    played.ends.far.close()
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*played.tasks, return_exceptions=True)
        await played.ends.close()
    await settle(200)
    for body, outcome in zip(played.bodies, outcomes, strict=True):
        if isinstance(outcome, bytes):
            assert outcome.startswith(body)  # its own answer
        elif isinstance(outcome, BaseException):
            assert isinstance(outcome, Trouble | LinkDown | asyncio.CancelledError), outcome
    for sink in played.sinks:
        assert len(sink.losses) <= 1
    heard = [sink.bodies for sink in played.sinks if sink.bodies]
    for bodies in heard:  # a beginning of what was pushed to one subscriber, in order
        assert any(bodies == pushed[: len(bodies)] for pushed in played.pushed.values())
    caller = played.ends.caller
    assert (caller._calls if not caller.is_down else 0) == 0
    assert not caller.is_used
    outlets = played.ends.service.outlets
    assert len({id(outlet) for outlet in played.ends.service.left}) == len(played.ends.service.left)
    assert all(outlet.is_over for outlet in outlets)  # type: ignore[attr-defined]
    assert played.ends.service.ended <= len(played.bodies)
    assert not mistakes, mistakes


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_any_order_of_events_gives_each_call_one_outcome(steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(play(steps))
