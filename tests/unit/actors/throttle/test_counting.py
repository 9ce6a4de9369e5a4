"""Counting: never more than a rate in any stretch of a period; bounded state; as early as the spells allow."""

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.throttle.counting import (
    IDENTS_KEPT,
    SPELLS_A_PERIOD,
    Counted,
    as_of,
    counted,
    over_ms,
    uncounted,
    wait_for_rate,
)

PER_MS = 60_000


def ident(number: int) -> bytes:
    return number.to_bytes(16, "big")


@settings(deadline=None)
@given(st.integers(1, 30), st.lists(st.integers(0, 5_000), max_size=150), st.integers(1, PER_MS))
def test_no_stretch_of_a_period_has_more(rate: int, pauses_ms: list[int], per_ms: int) -> None:
    unit: Counted | None = None
    taken: list[int] = []
    now_ms = 0
    for number, pause_ms in enumerate(pauses_ms):
        now_ms += pause_ms
        unit = as_of(unit, now_ms, per_ms)
        wait_ms = wait_for_rate(unit, ident(number), rate)
        recent = [at for at in taken if at > now_ms - per_ms]
        assert wait_ms or len(recent) < rate
        if not wait_ms:
            unit = counted(unit, ident(number))
            taken.append(now_ms)
        else:  # an exact list would let it in at most a spell earlier
            exact_ms = sorted(recent)[-rate] + per_ms - now_ms if len(recent) >= rate else 0
            assert exact_ms <= wait_ms <= exact_ms + per_ms // SPELLS_A_PERIOD
        assert len(unit.spells) <= SPELLS_A_PERIOD + 2
        assert len(unit.idents) <= IDENTS_KEPT
    for at in taken:
        assert sum(at <= other < at + per_ms for other in taken) <= rate


def test_who_asks_again_is_counted_once() -> None:
    unit = counted(as_of(None, 0, PER_MS), ident(1))
    assert wait_for_rate(unit, ident(1), 1) == 0
    assert counted(unit, ident(1)) == unit
    assert wait_for_rate(unit, ident(2), 1) == PER_MS


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2_000), st.booleans()), max_size=IDENTS_KEPT))
def test_what_is_undone_counts_no_more(steps: list[tuple[int, bool]]) -> None:
    unit = as_of(None, 0, PER_MS)
    now_ms, kept = 0, 0
    for number, (pause_ms, undo) in enumerate(steps):
        now_ms += pause_ms
        unit = counted(as_of(unit, now_ms, PER_MS), ident(number))
        kept += not undo
        if undo:
            unit = uncounted(unit, ident(number))
            assert uncounted(unit, ident(number)) == unit
    # Those of the first moments may be over by now.
    assert sum(spell.count for spell in unit.spells) <= kept
    assert now_ms >= PER_MS or sum(spell.count for spell in unit.spells) == kept


def test_a_clock_that_goes_back_makes_nothing_shorter() -> None:
    unit = counted(as_of(None, 100_000, PER_MS), ident(1))
    back = as_of(unit, 10_000, PER_MS)
    assert (back.seen_ms, wait_for_rate(back, ident(2), 1)) == (100_000, PER_MS)
    assert over_ms(back) == 100_000 + PER_MS
