"""gateway/outbound/deliverer.py in virtual time: what is sent when, what is told, and what a crash leaves."""

import asyncio
from collections import Counter
from itertools import pairwise

from actors.queue.types import Change, Envelope, Filter, Owed, Recipient, Result
from cluster.errors import Unavailable
from tests.unit.gateway.outbound.world import BODY, DOWN, LATER, NEVER, OK, World, always
from tests.virtual import run


def test_what_is_queued_is_sent_at_once_and_noted() -> None:
    async def main() -> None:
        world = World()
        deliverer = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(1)
        assert await world.status(entry) == "delivered"
        assert (world.courier.times(), world.courier.bodies) == ([0], {BODY})
        (note,) = world.tracing.notes
        assert (note.ident, note.step, note.how) == ("m1.1", f"{entry.hex()}.1", "delivered")
        assert (note.facts[0].how, note.facts[0].of["host"]) == ("delivered", "mx.example.net")
        await world.stop(deliverer)

    run(main())


def test_what_waits_in_the_store_is_found_and_what_is_for_later_waits() -> None:
    async def main() -> None:
        world = World()
        dead = await world.start()
        await dead.stop(0)
        entries = [await world.enqueue(n, f"d{n}.example", due_s=n * 100) for n in range(4)]
        assert [await world.status(entry) for entry in entries] == ["waiting", *["scheduled"] * 3]
        deliverer = await world.start()
        await asyncio.sleep(400)
        assert world.courier.times() == [0, 100, 200, 300]
        await world.stop(deliverer)

    run(main())


def test_the_slots_that_are_not_ours_are_left_to_their_owner() -> None:
    async def main() -> None:
        world = World()
        dead = await world.start()
        await dead.stop(0)
        for n in range(50):
            await world.enqueue(n, f"d{n}.example")
        deliverer = await world.start(range(2000))
        await asyncio.sleep(100)
        mine = len(world.courier.sent)
        assert 0 < mine < 50
        await world.stop(deliverer)
        other = await world.start(range(2000, 4096))
        await asyncio.sleep(100)
        assert len(world.courier.sent) == 50
        await world.stop(other)

    run(main())


def test_each_recipient_has_a_result_of_its_own() -> None:
    async def main() -> None:
        world = World()
        results = {0: OK, 1: LATER, 2: NEVER}

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            return tuple(results[index] for index in recipients)

        world.courier.answer = answer
        deliverer = await world.start()
        entry = await world.enqueue(1, people=3)
        await asyncio.sleep(10)
        shown = await world.queue.read(entry)
        assert [fate.result for fate in shown.fates] == [OK, LATER, NEVER]
        assert world.notices.told == [(entry, Owed("failure", (2,)))]
        results[1] = OK
        await asyncio.sleep(400)
        assert [recipients for _at, _mail, recipients, _route in world.courier.sent] == [(0, 1, 2), (1,)]
        assert await world.status(entry) == "failed"
        await world.stop(deliverer)

    run(main())


def test_it_is_tried_by_the_schedule_told_of_the_delay_and_given_up_in_the_end() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(LATER)
        deliverer = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(20_000)
        times = world.courier.times()
        waits = [after - before for before, after in pairwise(times)]
        assert 300 <= waits[0] <= 330
        assert 600 <= waits[1] <= 660
        assert all(1200 <= wait <= 1320 for wait in waits[2:-1])
        assert times[-1] == 10_000
        assert [owed.kind for _entry, owed in world.notices.told] == ["delay", "failure"]
        shown = await world.queue.read(entry)
        result = shown.fates[0].result
        assert (shown.status, result and (result.status, result.said, result.cause)) == (
            "failed",
            ("4.4.7", "not now", "expired"),
        )
        await world.stop(deliverer)

    run(main())


def test_thousands_for_a_dead_domain_do_not_each_time_out_and_others_are_served() -> None:
    async def main() -> None:
        world = World()

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            if mail.domain != "dead.example":
                return (OK,)
            await asyncio.sleep(300)
            return (DOWN,)

        world.courier.answer = answer
        deliverer = await world.start()
        dead: list[bytes] = []
        for n in range(3_000):
            dead.append(await world.enqueue(n, "dead.example"))
            await asyncio.sleep(0.001)
        live = [await world.enqueue(n, f"d{n % 50}.example") for n in range(500)]
        await asyncio.sleep(20)
        assert {await world.status(entry) for entry in live} == {"delivered"}
        await asyncio.sleep(3600)
        tried = Counter(mail.domain for _at, mail, _who, _route in world.courier.sent)["dead.example"]
        assert tried <= 5 + 8, "the first few, and then a probe after each pause"
        (count,) = await world.queue.tally(Filter(domain="dead.example"))
        assert (count.entries, count.why) == (3_000, "unreachable: connection refused")
        shown = await world.queue.read(dead[-1])
        assert (shown.tries, shown.status) == (0, "waiting")
        world.courier.answer = always(OK)
        await asyncio.sleep(2 * 3600)
        assert await world.queue.tally() == ()
        await world.stop(deliverer)

    run(main())


def test_destinations_take_turns_and_none_is_sent_more_at_once_than_is_set() -> None:
    async def main() -> None:
        world = World(per_destination_max=4, per_destination_first=2, in_flight_max=50)
        under_way: Counter[str] = Counter()
        most: Counter[str] = Counter()

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            under_way[mail.domain] += 1
            most[mail.domain] = max(most[mail.domain], under_way[mail.domain])
            await asyncio.sleep(1)
            under_way[mail.domain] -= 1
            return (OK,)

        world.courier.answer = answer
        deliverer = await world.start()
        for n in range(1000):
            await world.enqueue(n, "large.example")
        await asyncio.sleep(5)
        small = await world.enqueue(1, "small.example")
        await asyncio.sleep(2)
        assert await world.status(small) == "delivered"
        assert (most["large.example"], most["small.example"]) == (4, 1)
        await asyncio.sleep(260)
        assert await world.queue.tally() == ()
        assert len(world.courier.sent) == 1001
        assert world.courier.at_once_max <= 50
        await world.stop(deliverer)

    run(main())


def test_mail_in_the_same_slot_as_a_slow_destination_is_not_held_up() -> None:
    async def main() -> None:
        world = World(per_destination_max=2)

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(100 if mail.domain == "slow.example" else 0)
            return (OK,)

        world.courier.answer = answer
        deliverer = await world.start()
        for n in range(2000):
            await world.enqueue(n, "slow.example")
            await asyncio.sleep(0.001)
        others = [await world.enqueue(n, f"d{n}.example") for n in range(2000)]
        await asyncio.sleep(60)
        assert Counter([await world.status(entry) for entry in others]) == {"delivered": 2000}
        await world.stop(deliverer, 200)

    run(main())


def test_urgent_mail_goes_first_and_nothing_starves() -> None:
    async def main() -> None:
        world = World(in_flight_max=5, per_destination_max=5)

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(1)
            return (OK,)

        world.courier.answer = answer
        first = await world.start()
        await first.stop(0)
        for n in range(300):
            await world.enqueue(n, f"d{n}.example", priority=(-5, 0, 5)[n % 3])
        deliverer = await world.start()
        await asyncio.sleep(25)
        begun = Counter(mail.priority for _at, mail, _who, _route in world.courier.sent)
        assert begun[5] > begun[0] > begun[-5] > 0
        await asyncio.sleep(100)
        assert len(world.courier.sent) == 300
        await world.stop(deliverer)

    run(main())


def test_an_attempt_that_hangs_is_cut_off_and_made_again() -> None:
    async def main() -> None:
        world = World(attempt_max_s=60)

        async def hangs(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(1e6)
            return (OK,)

        world.courier.answer = hangs
        deliverer = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(70)
        shown = await world.queue.read(entry)
        assert shown.fates[0].result == Result(
            "deferred", status="4.4.2", said="The attempt took too long and was cut off.", cause="timeout"
        )
        world.courier.answer = always(OK)
        await asyncio.sleep(600)
        assert await world.status(entry) == "delivered"
        await world.stop(deliverer)

    run(main())


def test_a_defect_of_the_courier_costs_an_attempt_not_the_message() -> None:
    async def main() -> None:
        world = World()

        async def broken(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            raise ZeroDivisionError

        world.courier.answer = broken
        deliverer = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(1)
        assert await world.status(entry) == "waiting"
        assert deliverer.alive
        world.courier.answer = always(OK)
        await asyncio.sleep(400)
        assert await world.status(entry) == "delivered"
        await world.stop(deliverer)

    run(main())


def test_what_a_dead_process_had_under_way_is_sent_again_when_its_lease_ends_and_a_late_report_counts() -> None:
    async def main() -> None:
        world = World(attempt_max_s=100, wait_max_s=10)

        async def slow(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(90)
            return (OK,)

        world.courier.answer = slow
        dead = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(10)
        await dead.stop(0)  # the answer is never seen
        deliverer = await world.start()
        await asyncio.sleep(world.settings.lease_s + 100)
        assert world.courier.times() == [0, world.settings.lease_s]
        assert await world.status(entry) == "delivered"
        await world.stop(deliverer)

    run(main())


def test_alone_the_dead_process_leases_are_called_back() -> None:
    async def main() -> None:
        world = World()

        async def hangs(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(1e6)
            return (OK,)

        world.courier.answer = hangs
        dead = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(1)
        await dead.stop(0)
        world.courier.answer = always(OK)
        deliverer = await world.start()
        *_, progress = [one async for one in world.queue.alter(Change(b"", "recall"), Filter(status="lent"))]
        assert progress.changed == 1
        await asyncio.sleep(1)
        assert await world.status(entry) == "delivered"
        await world.stop(deliverer)

    run(main())


def test_a_report_is_made_until_the_queue_has_it() -> None:
    async def main() -> None:
        world = World()
        deliverer = await world.start()
        answered = asyncio.Event()

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            world.store.before = Unavailable("The store is away.")
            answered.set()
            return (OK,)

        world.courier.answer = answer
        entry = await world.enqueue(1)
        await answered.wait()
        await asyncio.sleep(3000)  # longer than the lease: who has it is not sent it again
        world.store.before = None
        await asyncio.sleep(60)
        assert await world.status(entry) == "delivered"
        assert len(world.courier.sent) == 1
        await world.stop(deliverer)

    run(main())


def test_a_notice_that_cannot_be_kept_stays_owed_until_it_can() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(NEVER)
        world.notices.trouble = Unavailable("Not now.")
        deliverer = await world.start()
        entry = await world.enqueue(1)
        await asyncio.sleep(world.settings.lease_s * 2)
        shown = await world.queue.read(entry)
        assert (shown.status, shown.owed) == ("failed", (Owed("failure", (0,)),))
        world.notices.trouble = None
        await asyncio.sleep(world.settings.lease_s * 2)
        assert world.notices.told == [(entry, Owed("failure", (0,)))]
        assert (await world.queue.read(entry)).owed == ()
        assert len(world.courier.sent) == 1
        await world.stop(deliverer)

    run(main())


def test_a_stop_finishes_what_is_under_way_and_gives_the_rest_back() -> None:
    async def main() -> None:
        world = World(in_flight_max=3, per_destination_max=3)

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(2)
            return (OK,)

        world.courier.answer = answer
        deliverer = await world.start()
        entries = [await world.enqueue(n) for n in range(10)]
        await asyncio.sleep(0.5)
        await deliverer.stop(10)
        assert not deliverer.alive
        words = Counter([await world.status(entry) for entry in entries])
        assert words["delivered"] == 3
        assert words["lent"] == 0, "what was not begun waits, and not for the end of a lease"
        await world.shards[-1].stop()
        again = await world.start()
        await asyncio.sleep(20)
        assert {await world.status(entry) for entry in entries} == {"delivered"}
        assert len(world.courier.sent) == 10
        await world.stop(again)

    run(main())


def test_operators_retry_reroute_and_end_it() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(DOWN)
        deliverer = await world.start()
        first, second, third = [await world.enqueue(n) for n in range(3)]
        await asyncio.sleep(10)
        sent = len(world.courier.sent)
        await world.queue.retry(first)
        await asyncio.sleep(1)
        assert len(world.courier.sent) == sent + 1, "also while the destination is left alone"
        assert (world.courier.forced[0], world.courier.forced[-1]) == (False, True)
        await world.queue.change(Change(second, "reroute", route="relay"))
        await world.queue.change(Change(third, "reroute", target="other.example"))
        await asyncio.sleep(1)
        assert [(mail.domain, route) for _at, mail, _who, route in world.courier.sent[-2:]] == [
            ("example.net", "relay"),
            ("other.example", ""),
        ]
        await world.queue.change(Change(first, "expire", value=world.clock.now_ms()))
        await asyncio.sleep(400)
        assert await world.status(first) == "failed"
        assert (first, Owed("failure", (0,))) in world.notices.told
        await world.stop(deliverer)

    run(main())


def test_deliver_by_is_kept() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(LATER)
        deliverer = await world.start()
        by_ms = world.clock.now_ms() + 500_000
        returned = await world.enqueue(1, "a.example", by_ms=by_ms, by_mode="R")
        notified = await world.enqueue(2, "b.example", by_ms=by_ms, by_mode="N")
        await asyncio.sleep(499)
        assert world.notices.told == []
        await asyncio.sleep(2)
        assert sorted(world.notices.told) == sorted(
            [(returned, Owed("failure", (0,))), (notified, Owed("delay", (0,)))]
        )
        result = (await world.queue.read(returned)).fates[0].result
        assert result is not None
        assert result.status == "5.4.7"
        await world.stop(deliverer)

    run(main())


def test_the_null_sender_is_told_nothing() -> None:
    async def main() -> None:
        world = World()
        world.courier.answer = always(NEVER)
        deliverer = await world.start()
        entry = await world.enqueue(1, sender="", recipients=(Recipient("a@example.net", ("FAILURE",)),))
        await asyncio.sleep(1)
        assert await world.status(entry) == "failed"
        assert world.notices.told == []
        await world.stop(deliverer)

    run(main())


def test_the_bytes_under_way_are_bounded() -> None:
    async def main() -> None:
        world = World(in_flight_bytes_max=1024 * 1024)

        async def slow(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            await asyncio.sleep(1)
            return (OK,) * len(recipients)

        world.courier.answer = slow
        deliverer = await world.start()
        for n in range(30):
            await world.enqueue(n, f"d{n}.example", size=400 * 1024)
        await asyncio.sleep(60)
        assert len(world.courier.sent) == 30
        assert world.courier.at_once_max == 3  # the last one passes the bound
        await world.stop(deliverer)

    run(main())


def test_a_notice_that_cannot_be_told_does_not_keep_the_mail() -> None:
    async def main() -> None:
        world = World()
        world.notices.trouble = Unavailable("the sender's mailbox is full")
        answers = [(NEVER, LATER), (OK,)]

        async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
            return answers.pop(0)

        world.courier.answer = answer
        deliverer = await world.start()
        entry = await world.enqueue(1, people=2)
        await asyncio.sleep(3 * world.settings.lease_s)
        shown = await world.queue.read(entry)
        assert [fate.result.outcome for fate in shown.fates if fate.result] == ["failed", "delivered"]
        assert shown.owed == (Owed("failure", (0,)),)
        world.notices.trouble = None
        await asyncio.sleep(2 * world.settings.lease_s)
        assert world.notices.told == [(entry, Owed("failure", (0,)))]
        assert len(world.courier.sent) == 2
        assert not (await world.queue.read(entry)).owed
        await world.stop(deliverer)

    run(main())
