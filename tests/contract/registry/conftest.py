"""The registries that the suites run over: the memory twin, and a real etcd."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cluster.clock import SystemClock
from cluster.membership.memory import MemoryRegistryServer
from cluster.membership.registry import Registry
from tests.etcd import Etcd

Connect = Callable[[], Registry]


class Kind(Protocol):
    def connect(self) -> Registry: ...


class _Memory:
    def __init__(self) -> None:
        self._server = MemoryRegistryServer()

    def connect(self) -> Registry:
        return self._server.connect(SystemClock())


class _Real:
    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd

    def connect(self) -> Registry:
        from cluster.membership.etcd import EtcdRegistry

        return EtcdRegistry(self._etcd.settings(), SystemClock())


@pytest.fixture(scope="module")
def shared_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """One for all tests of a file, which differ in the keys they use."""
    with Etcd.start(tmp_path_factory.mktemp("shared")) as etcd:
        yield etcd


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """One that the test may stop, kill and start."""
    with Etcd.start(tmp_path) as started:
        yield started


@pytest.fixture(params=["memory", pytest.param("etcd", marks=pytest.mark.part("etcd"))])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes a process's registry; all see the same keys."""
    kind: Kind = _Memory() if request.param == "memory" else _Real(request.getfixturevalue("shared_etcd"))
    made: list[Registry] = []

    def connect() -> Registry:
        made.append(kind.connect())
        return made[-1]

    yield connect
    for registry in made:
        await registry.close()


@pytest.fixture
async def registry(connect: Connect) -> Registry:
    return connect()


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    """A prefix of the test's own."""
    return f"/rookery/{request.node.name}/"
