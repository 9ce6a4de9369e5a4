"""A running server that speaks JMAP."""

from collections.abc import Iterator

import pytest

from tests.peopled import SETTINGS, Peopled, peopled
from tests.running import free_ports


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peopled, int]]:
    """It and its port of HTTPS; who errs in logging in is told at once."""
    (port,) = free_ports(1)
    settings = f'[[listen]]\nprotocol = "https"\nport = {port}\n[web]\nlogin_failure_delay_s = 0.0\n'
    with peopled(tmp_path_factory.mktemp("jmap"), SETTINGS + settings) as server:
        yield server, port
