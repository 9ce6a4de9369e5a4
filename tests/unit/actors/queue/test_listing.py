"""actors/queue/listing.py: which entries a filter means, and what is counted."""

from typing import Any

import pytest

from actors.queue.listing import meant, tally, together
from actors.queue.types import Count, Envelope, Fate, Filter, List, Recipient, Result, Shown

T = 1_700_000_000_000


def shown(**other: Any) -> Shown:
    mail = Envelope("x.test", "Me@y.test", (Recipient("a@x.test"), Recipient("B@x.test")), bytes(32), 1, queued_ms=T)
    fields: dict[str, Any] = {"status": "waiting", "held": False, "due_ms": T, "attempts": 1}
    return Shown(bytes(16), mail, **fields | other)


@pytest.mark.parametrize(
    ("which", "means"),
    [
        (Filter(), True),
        (Filter(sender="me@Y.test"), True),
        (Filter(sender="@y.test"), True),
        (Filter(sender="@test"), False),
        (Filter(sender="you@y.test"), False),
        (Filter(sender="<>"), False),
        (Filter(recipient="b@x.test"), True),
        (Filter(recipient="c@x.test"), False),
        (Filter(domain="x.test"), True),
        (Filter(domain="y.test"), False),
        (Filter(status="waiting"), True),
        (Filter(status="held"), False),
        (Filter(before_ms=T + 1), True),
        (Filter(before_ms=T), False),
        (Filter(sender="me@y.test", recipient="c@x.test"), False),
    ],
)
def test_what_a_filter_means(which: Filter, means: bool) -> None:
    assert meant(which, shown()) is means


def test_words_for_what_an_entry_is() -> None:
    assert shown(held=True).word == "held"
    assert shown(attempts=0, due_ms=T + 1).word == "scheduled"
    assert shown(attempts=0, due_ms=T + 1, forced=True).word == "waiting"
    assert shown(status="lent", held=True).word == "lent"
    assert meant(Filter(status="lent"), shown(status="lent"))


def test_waiting_is_not_what_waits_for_an_operator_or_its_time() -> None:
    assert meant(Filter(status="waiting"), shown())
    assert not meant(Filter(status="waiting"), shown(held=True))
    assert not meant(Filter(status="waiting"), shown(attempts=0, due_ms=T + 1))


def test_pending_is_what_has_not_ended() -> None:
    assert all(meant(Filter(status="pending"), shown(status=status)) for status in ("waiting", "lent"))
    assert meant(Filter(status="pending"), shown(held=True))
    assert not any(
        meant(Filter(status="pending"), shown(status=status)) for status in ("delivered", "failed", "cancelled")
    )


def test_what_waits_is_counted_by_destination_with_the_newest_reason() -> None:
    older = Fate(Result("deferred", 450, said="older", cause="greylisted"), T + 1)
    newer = Fate(Result("deferred", said="newer", cause="unreachable"), T + 2)
    done = Fate(Result("delivered", 250), T + 3)
    found = tally(
        [
            shown(fates=(older, done), due_ms=T + 900),
            shown(fates=(newer, newer), due_ms=T + 500, held=True),
            shown(fates=(Fate(), Fate()), status="lent"),
            shown(fates=(Fate(), Fate()), route="relay"),
        ]
    )
    assert found == (
        Count("x.test", 3, 1, 1, 5, T, T + 900, "unreachable: newer", T + 2),
        Count("route relay", 1, 0, 0, 2, T, T, "", 0),
    )


def test_counts_are_added_in_any_order() -> None:
    one, other = Count("x", 1, 1, 0, 2, T, 0, "why", T), Count("x", 2, 0, 1, 3, T - 5, T + 9, "", 0)
    assert together(one, other) == together(other, one) == Count("x", 3, 1, 1, 5, T - 5, T + 9, "why", T)


def test_an_older_process_asks_by_words_of_its_own() -> None:
    from actors.queue.listing import filter_of

    assert filter_of(List(10, domain="x.test", status="held")) == Filter(domain="x.test", status="held")
    assert filter_of(List(10, domain="x.test", which=Filter(domain="y.test"))).domain == "y.test"
