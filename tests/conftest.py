"""For every test: the house's checks run first, and real programs are there, installed, or the reason of a skip.

`@pytest.mark.part("mbsync")` says that a test needs this of ops/parts.py; the fixture `program` then tells where it
is: `program("mbsync")`. `server` and `login` are for tests that only need a server and an account of their own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops import parts

if TYPE_CHECKING:
    from tests.peopled import Peopled


def _needs(item: pytest.Item) -> list[str]:
    return [name for mark in item.iter_markers("part") for name in mark.args]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The cheapest news first: format, lint, types."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/house/"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install what the chosen tests need, where `rookery test` said that this is allowed."""
    needs = [name for item in session.items for name in _needs(item)]
    if unknown := set(needs) - set(parts.PARTS):
        raise pytest.UsageError(f"ops/parts.py declares no {', '.join(sorted(unknown))}")
    if os.environ.get(parts.INSTALL_PARTS) == "1" and not session.config.option.collectonly:
        parts.install_missing(needs)
        if os.environ.get("FDB_CLUSTER_FILE"):
            parts.install_foundationdb()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or in CI fail, what needs a part that is not here."""
    for name in parts.missing(_needs(item)):
        if parts.must_fail(os.environ, installable=parts.can_install(name)):
            pytest.fail(f"CI=true and {name} is not installed: {parts.skip_reason(name)}", pytrace=False)
        pytest.skip(parts.skip_reason(name))


@pytest.fixture
def program() -> Callable[[str], Path]:
    """The path of a part's program that the test's mark has asked for."""

    def path(name: str) -> Path:
        found = parts.find(name)
        assert found, f"{name}: mark the test with pytest.mark.part({name!r})"
        return found

    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Peopled]":
    """A server with accounts to hand out: one for each module of tests."""
    from tests.peopled import peopled  # all of the server, which most tests need not import

    with peopled(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def login(server: "Peopled") -> str:
    """An account of this test's own."""
    return server.account()
