"""How long a booting cluster waits for its shards."""

from cluster.placement.grace import Grace, GraceSettings

SETTINGS = GraceSettings(quiet_s=1.0, longest_s=5.0)
NONE: list[str] = []


def test_it_waits_until_no_more_come() -> None:
    grace = Grace(SETTINGS)
    assert grace.left_s(NONE, NONE, 0) is None
    assert grace.left_s(["a"], NONE, 100) == 1
    assert grace.left_s(["a", "b"], NONE, 100.5) == 1
    assert grace.left_s(["a", "b"], NONE, 101) == 0.5
    assert grace.left_s(["a", "b"], NONE, 101.5) == 0
    assert grace.left_s(["a", "b", "c"], ["a", "b"], 101.6) == 0


def test_it_does_not_wait_for_ever() -> None:
    grace = Grace(SETTINGS)
    live: list[str] = []
    for tenth in range(0, 50, 5):
        live.append(f"s{tenth}")
        assert grace.left_s(live, NONE, tenth / 10) == min(1, 5 - tenth / 10)
    assert grace.left_s(live, NONE, 5) == 0


def test_a_running_cluster_does_not_wait() -> None:
    assert Grace(SETTINGS).left_s(["a", "b"], ["a", "b", "c"], 0) == 0
    assert Grace(SETTINGS).left_s(["a"], ["a", "b", "c"], 0) == 1


def test_deaths_after_the_boot_are_not_waited_for() -> None:
    grace = Grace(SETTINGS)
    assert grace.left_s(["a", "b", "c"], ["a", "b", "c"], 0) == 0
    assert grace.left_s(["a"], ["a", "b", "c"], 1) == 0


def test_when_all_were_gone_it_is_a_boot_again() -> None:
    grace = Grace(SETTINGS)
    assert grace.left_s(["a", "b", "c"], ["a", "b", "c"], 0) == 0
    assert grace.left_s(NONE, ["a", "b", "c"], 1) is None
    assert grace.left_s(["a"], ["a", "b", "c"], 2) == 1
