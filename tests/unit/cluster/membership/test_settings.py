"""Where etcd is: what is taken and what is not."""

import msgspec
import pytest

from cluster.config.secret import Secret
from cluster.membership.settings import EtcdSettings


def test_endpoints_are_addresses_with_a_scheme() -> None:
    assert msgspec.convert({"endpoints": ["https://a:1", "http://[::1]:2379"]}, EtcdSettings).endpoints == (
        "https://a:1",
        "http://[::1]:2379",
    )
    for wrong in ([], ["a:1"], ["http://a"], ["http://a:1/x"], ["http://a:1,http://b:1"]):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"endpoints": wrong}, EtcdSettings)


def test_the_password_is_not_shown() -> None:
    assert "hush" not in repr(EtcdSettings(user="rookery", password=Secret("hush")))
