"""The facts of a connection and of a transaction, bounded."""

from actors.trace.types import Fact
from cluster.clock import ManualClock
from gateway.smtp.story import ADDRESSES_MAX, FACTS_MAX, Story


def test_what_holds_for_the_connection_is_in_every_note() -> None:
    clock = ManualClock()
    story = Story(clock)
    story.of_connection("hello", "", name="a")
    story.of_connection("hello", "", name="b")
    story.fact("size", "", bytes=5)
    first = story.note("c.1", "intake", "accepted", sender="s@x")
    story.begin()
    second = story.note("c.2", "intake", "refused")
    assert [fact.of for fact in first.facts] == [{"name": "b"}, {"bytes": 5}]
    assert (first.sender, first.how, first.at_ms) == ("s@x", "accepted", clock.ms)
    assert [fact.what for fact in second.facts] == ["hello"]


def test_facts_and_addresses_are_bounded_and_what_is_left_out_is_told() -> None:
    story = Story(ManualClock())
    for number in range(FACTS_MAX + 10):
        story.refuse(f"{number}@x.test", 550, "no")
    story.add((Fact("spf"),) * 5)
    note = story.note("c.1", "intake", "refused")
    assert len(story.refused) == ADDRESSES_MAX
    assert note.facts[-1] == Fact("left out", of={"facts": 15})
    assert len(note.facts) == FACTS_MAX + 1
