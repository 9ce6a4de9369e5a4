"""Addresses of milters, and what of the settings is agreed on."""

import pytest

from cluster.errors import Misconfigured
from gateway.milter.settings import MilterSettings, Where
from mail.milter.codes import DATA_BYTES_1M


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("unix:/run/rspamd/milter.sock", Where(path="/run/rspamd/milter.sock")),
        ("inet:localhost:11332", Where(host="localhost", port=11332)),
        ("inet:192.0.2.1:1", Where(host="192.0.2.1", port=1)),
        ("inet:[2001:db8::1]:65535", Where(host="2001:db8::1", port=65535)),
        ("inet6:[::1]:8891", Where(host="::1", port=8891)),
    ],
)
def test_addresses(address: str, where: Where) -> None:
    assert MilterSettings(name="x", address=address).where() == where


@pytest.mark.parametrize(
    "address", ["", "unix:", "unix:run", "inet:a", "inet:a:0", "inet:a:65536", "inet:a:b", "inet:::1:5", "tcp:a:1"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(Misconfigured, match="milter 'x'"):
        MilterSettings(name="x", address=address).where()


def test_what_is_offered() -> None:
    settings = MilterSettings(name="x", address="inet:a:1", version=4, data_size="1m", response_bytes_max=2_000_000)
    assert settings.offer() == (4, DATA_BYTES_1M)
    assert settings.limits().message_bytes_max == 2_000_000
