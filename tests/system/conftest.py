"""One server for each module of tests."""

from collections.abc import Iterator

import pytest

from tests.peopled import Peopled, peopled


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peopled]:
    """A server with accounts to hand out."""
    with peopled(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def login(server: Peopled) -> str:
    """An account of this test's own."""
    return server.account()
