"""The ideal places: balanced, stable, and as little movement as there can be."""

import subprocess
import sys
from collections import Counter
from math import sqrt

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.placement.rendezvous import ideal
from cluster.placement.slots import SLOTS

NAMES = st.text("abcdefgh-0123456789", min_size=1, max_size=12)
WEIGHTS = st.dictionaries(NAMES, st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=12)


@settings(deadline=None)
@given(WEIGHTS)
def test_each_has_its_share(weights: dict[str, float]) -> None:
    # Shares are drawn as by fair dice: one standard deviation of a share of n slots is at most sqrt(n) (3 % of 1000
    # slots). Six are what chance does not reach in the lifetime of this test.
    counts = Counter(ideal(weights))
    for name, weight in weights.items():
        share = SLOTS * weight / sum(weights.values())
        assert abs(counts[name] - share) <= 6 * sqrt(share) + 1


def test_ten_equal_members_are_within_a_tenth() -> None:
    counts = Counter(ideal({f"mailbox-n{number}-0": 1.0 for number in range(10)}))
    assert all(0.9 * SLOTS / 10 <= count <= 1.1 * SLOTS / 10 for count in counts.values()), counts


@settings(deadline=None)
@given(WEIGHTS, NAMES, st.sampled_from([0.5, 1.0, 2.0]))
def test_who_comes_takes_only_for_itself_and_who_goes_gives_only_its_own(
    weights: dict[str, float], name: str, weight: float
) -> None:
    before = ideal({other: each for other, each in weights.items() if other != name})
    after = ideal(weights | {name: weight})
    assert len(after) == SLOTS
    assert all(now in (name, old) for old, now in zip(before, after, strict=False))


@settings(deadline=None)
@given(WEIGHTS, st.data())
def test_who_gains_weight_only_gains_slots(weights: dict[str, float], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(weights)))
    before, after = ideal(weights), ideal(weights | {name: weights[name] * 2})
    assert all(now in (name, old) for old, now in zip(before, after, strict=True))


@settings(deadline=None)
@given(WEIGHTS)
def test_the_order_of_members_is_nothing(weights: dict[str, float]) -> None:
    names = sorted(weights, key=hash)
    assert ideal({name: weights[name] for name in names}) == ideal(dict(sorted(weights.items())))


def test_no_weight_is_no_place() -> None:
    assert ideal({}) == ()
    assert ideal({"a": 0.0}) == ()
    assert set(ideal({"a": 0.0, "b": 0.001})) == {"b"}


def test_the_same_in_every_process() -> None:
    # Written down: an upgrade that places differently would move nearly every slot.
    program = "from cluster.placement.rendezvous import ideal; print(*ideal({'a': 1, 'b': 2, 'c': 1.5})[:24], sep='')"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "babbababccacbabcaacbbbab"
