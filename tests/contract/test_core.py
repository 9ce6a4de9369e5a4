"""A server's core over a store across the network, as the settings name it."""

import importlib.util
from pathlib import Path

import pytest

from cluster.config import load
from cluster.errors import Misconfigured
from ops.core import opened
from ops.settings import Settings, StoreSettings
from tests import postgresql
from tests.contract.adapters import name_of

pytestmark = pytest.mark.part(postgresql.PART)


def settings_of(directory: Path) -> StoreSettings:
    """Read as an operator writes them."""
    text = f"""
        [store]
        kind = "postgresql"
        blobs = "store"
        [store.postgresql]
        host = "{postgresql.shared_folder()}"
        database = "postgres"
        user = "rookery"
        password = {{ env = "PASSWORD" }}
        schema = "{name_of(directory)}"
    """
    return load(Settings, text, {"PASSWORD": "not asked for"}).store


async def test_what_was_made_is_there_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with opened(tmp_path / "data", settings) as core:
        await core.directory.add_domain("example.org")
    async with opened(tmp_path / "data", settings) as core:
        assert (await core.directory.get_domain("example.org")).name == "example.org"
    assert "not asked for" not in repr(settings)


async def test_a_data_directory_belongs_to_one_kind_of_store(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with opened(tmp_path / "here"):
        pass
    with pytest.raises(Misconfigured, match="holds a store already"):
        async with opened(tmp_path / "here", settings):
            pass
    async with opened(tmp_path / "there", settings):
        pass
    with pytest.raises(Misconfigured, match="is in postgresql"):
        async with opened(tmp_path / "there"):
            pass


@pytest.mark.skipif(importlib.util.find_spec("fdb") is not None, reason="FoundationDB's package is installed here")
async def test_without_its_package_foundationdb_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="extra `foundationdb`"):
        async with opened(tmp_path / "data", StoreSettings(kind="foundationdb")):
            pass
    assert not (tmp_path / "data" / "store").exists()
