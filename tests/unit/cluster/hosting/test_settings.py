"""What settings of a cluster are refused."""

import pytest

from cluster.config import load
from cluster.errors import Misconfigured
from cluster.hosting.settings import ClusterSettings


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('name = "Has Space"', "name"),
        ('node = "a/b"', "node"),
        ('[ray]\naddress = "somewhere"', "address"),
        ("[ray]\nworker_port_min = 20000\nworker_port_max = 20010", "worker_port_max"),
        ('[ray]\ntls_key = "k"', "together"),
        (f'[ray]\nstate = "/{"x" * 40}"', "state"),
    ],
)
def test_what_cannot_be_is_refused(text: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        load(ClusterSettings, text, {})
