"""Taking turns, and a whole delivery of a few messages to a real server."""

from pathlib import Path

from ops.bench.delivery import Case, one_round, turns
from ops.bench.peers import OURS, Rookery, free_ports, scratch
from ops.bench.sending import Load, noise


def test_another_server_comes_first_each_round() -> None:
    assert [turns(["a", "b", "c"], number)[0] for number in range(4)] == ["a", "b", "c", "a"]
    assert turns(["a", "b"], 1) == ["b", "a"]


def test_twenty_messages_arrive_and_nothing_is_left(tmp_path: Path) -> None:
    with noise() as sender, scratch(tmp_path) as path:
        values = list(one_round(Rookery(path, free_ports()), Case("small", Load(4, 5, 4096), sender)))
    assert [(value.what, value.unit, value.server) for value in values] == [
        ("small: visible in IMAP", "messages/s", OURS),
        ("small: accepted by SMTP", "messages/s", OURS),
        ("small: CPU", "ms/message", OURS),
    ]
    assert all(value.value > 0 for value in values)
    assert values[0].value <= values[1].value  # nothing is visible before it is accepted
    assert list(tmp_path.iterdir()) == []
