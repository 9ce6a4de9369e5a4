"""The plan, alone and carried out in any order of events."""

from collections import Counter
from collections.abc import Mapping
from math import sqrt

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cluster.membership.members import Member
from cluster.placement.plan import Plan, plan
from cluster.placement.slotmap import SlotMap, first_epoch
from cluster.placement.slots import SLOTS
from tests.unit.cluster.placement.fakes import member

NODES = [f"n{number}" for number in range(5)]
LIVE = st.dictionaries(st.sampled_from(NODES), st.sampled_from([0.0, 1.0, 1.0, 2.0]), min_size=1)


def shards(weights: dict[str, float]) -> dict[str, Member]:
    return {f"mailbox-{node}-0": member(f"mailbox-{node}-0", node=node, weight=each) for node, each in weights.items()}


def carried_out(slots: SlotMap, live: dict[str, Member], draining: set[str]) -> SlotMap:
    """The map after all that the plan wants, first the failovers, then the moves one by one as they are planned."""
    found = plan(slots, "mailbox", live, draining)
    slots = slots.assigned(found.failovers, first_epoch(1))
    for move in plan(slots, "mailbox", live, draining).moves:
        slots = slots.assigned({move.slot: move.target}, first_epoch(1))
    return slots


@settings(deadline=None, max_examples=60)
@given(LIVE, LIVE, st.sets(st.sampled_from(NODES)))
def test_it_reaches_the_ideal_and_then_is_empty(
    before: dict[str, float], after: dict[str, float], draining: set[str]
) -> None:
    slots = carried_out(SlotMap(), shards(before), set())
    assert None not in set(slots)
    slots = carried_out(slots, shards(after), draining)
    assert plan(slots, "mailbox", shards(after), draining) == Plan({}, ())
    counts = Counter(each.shard for each in slots if each)
    willing = {
        name: each.weight for name, each in shards(after).items() if each.weight > 0 and each.node not in draining
    }
    for name, weight in willing.items():
        share = SLOTS * weight / sum(willing.values())
        assert abs(counts[name] - share) <= 6 * sqrt(share)
    assert counts.keys() <= (willing.keys() or shards(after).keys())


@settings(deadline=None, max_examples=60)
@given(LIVE, LIVE, st.sets(st.sampled_from(NODES)))
def test_failover_never_touches_slots_of_the_living(
    before: dict[str, float], after: dict[str, float], draining: set[str]
) -> None:
    slots = carried_out(SlotMap(), shards(before), set())
    live = shards(after)
    found = plan(slots, "mailbox", live, draining)
    for slot, each in enumerate(slots):
        assert each is not None
        assert (slot in found.failovers) == (each.shard not in live)
    for move in found.moves:
        owner = slots[move.slot]
        assert owner is not None
        assert owner.shard == move.source != move.target
        assert move.source in live
        assert live[move.target].node not in draining


def test_a_join_moves_only_to_who_joins_and_a_death_only_what_it_had() -> None:
    three, four = (shards(dict.fromkeys(NODES[:number], 1.0)) for number in (3, 4))
    slots = carried_out(SlotMap(), three, set())
    moves = plan(slots, "mailbox", four, set()).moves
    assert {move.target for move in moves} == {"mailbox-n3-0"}
    assert abs(len(moves) - SLOTS / 4) < 6 * sqrt(SLOTS / 4)
    slots = carried_out(slots, four, set())
    found = plan(slots, "mailbox", three, set())
    assert found.moves == ()
    assert set(found.failovers) == {at for at, each in enumerate(slots) if each and each.shard == "mailbox-n3-0"}
    assert len(set(found.failovers.values())) == 3


def test_a_weight_change_moves_only_to_or_from_who_changed() -> None:
    slots = carried_out(SlotMap(), shards({"n0": 1, "n1": 1, "n2": 1}), set())
    more = plan(slots, "mailbox", shards({"n0": 2, "n1": 1, "n2": 1}), set()).moves
    assert more
    assert {move.target for move in more} == {"mailbox-n0-0"}
    less = plan(slots, "mailbox", shards({"n0": 0.5, "n1": 1, "n2": 1}), set()).moves
    assert less
    assert {move.source for move in less} == {"mailbox-n0-0"}


def test_a_restart_changes_nothing() -> None:
    live = shards({"n0": 1, "n1": 1})
    slots = carried_out(SlotMap(), live, set())
    again = {name: member(name, node=each.node, incarnation=9) for name, each in live.items()}
    assert plan(slots, "mailbox", again, set()) == Plan({}, ())


def test_drains_go_first() -> None:
    slots = carried_out(SlotMap(), shards({"n0": 1, "n1": 1}), set())
    moves = plan(slots, "mailbox", shards({"n0": 1, "n1": 1, "n2": 1}), {"n1"}).moves
    leaving = [move.source == "mailbox-n1-0" for move in moves]
    assert leaving == sorted(leaving, reverse=True)
    assert set(leaving) == {True, False}


def test_when_all_drain_they_stay_and_the_dead_still_fail_over() -> None:
    slots = carried_out(SlotMap(), shards({"n0": 1, "n1": 1, "n2": 1}), set())
    found = plan(slots, "mailbox", shards({"n0": 1, "n1": 1}), {"n0", "n1"})
    assert found.moves == ()
    assert set(found.failovers.values()) == {"mailbox-n0-0", "mailbox-n1-0"}


def test_nobody_there_is_nothing_to_do() -> None:
    slots = carried_out(SlotMap(), shards({"n0": 1}), set())
    assert plan(slots, "mailbox", {}, set()) == plan(SlotMap(), "mailbox", {}, {"n0"}) == Plan({}, ())


class AnyOrder(RuleBasedStateMachine):
    """Joins, deaths, drains and weights come between any two writes; what is written was decided on old knowledge."""

    @initialize()
    def begin(self) -> None:
        self.slots = SlotMap()
        self.live: dict[str, Member] = {}
        self.seen: dict[str, Member] = {}  # what the planner knows: may be old
        self.draining: set[str] = set()
        self.epochs = [0] * SLOTS

    @rule(node=st.sampled_from(NODES), weight=st.sampled_from([1.0, 2.0]))
    def join(self, node: str, weight: float) -> None:
        self.live |= shards({node: weight})

    @rule(node=st.sampled_from(NODES))
    def crash(self, node: str) -> None:
        self.live.pop(f"mailbox-{node}-0", None)

    @rule(node=st.sampled_from(NODES))
    def drain(self, node: str) -> None:
        self.draining ^= {node}

    @rule()
    def hear(self) -> None:
        self.seen = dict(self.live)

    @rule()
    def fail_over(self) -> None:
        self._write(plan(self.slots, "mailbox", self.seen, self.draining).failovers)

    @rule(number=st.integers(1, 50))
    def move(self, number: int) -> None:
        moves = plan(self.slots, "mailbox", self.seen, self.draining).moves[:number]
        for move in moves:
            self._write({move.slot: move.target})

    @rule()
    def settle(self) -> None:
        self.seen = dict(self.live)
        slots = carried_out(self.slots, self.live, self.draining)
        assert plan(slots, "mailbox", self.live, self.draining) == Plan({}, ())

    def _write(self, owners: Mapping[int, str]) -> None:
        self.slots = self.slots.assigned(owners, first_epoch(1))
        for slot in owners:
            each = self.slots[slot]
            assert each is not None
            assert each.epoch > self.epochs[slot]

    @invariant()
    def epochs_never_go_back(self) -> None:
        now = [each.epoch if each else 0 for each in self.slots]
        assert all(old <= new for old, new in zip(self.epochs, now, strict=True))
        self.epochs = now


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


def test_a_shard_may_be_emptied_by_its_name_alone() -> None:
    live = shards({"n0": 1, "n1": 1, "n2": 1})
    slots = carried_out(SlotMap(), live, set())
    moves = plan(slots, "mailbox", live, {"mailbox-n1-0"}).moves
    assert {move.source for move in moves} == {"mailbox-n1-0"}
    assert len(moves) == sum(each is not None and each.shard == "mailbox-n1-0" for each in slots)
