"""Who belongs to a network."""

import pytest

from cluster.errors import Misconfigured
from gateway.networks import networks, within


@pytest.mark.parametrize(
    ("ip", "inside"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::5", True), ("11.0.0.1", False), ("nobody", False)],
)
def test_within(ip: str, inside: bool) -> None:
    assert within(ip, networks(["10.0.0.0/8", "2001:db8::/32"])) is inside


def test_what_is_no_network_is_told() -> None:
    with pytest.raises(Misconfigured, match=r"10\.0\.0\.1/8"):
        networks(["10.0.0.1/8"])
