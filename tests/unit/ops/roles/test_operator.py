"""What a start of a cluster is told before it is one."""

from pathlib import Path

import pytest
from msgspec import structs

from cluster.errors import Misconfigured
from ops.roles.operator import check
from ops.settings import Settings


async def test_a_store_that_no_cluster_can_have_is_told() -> None:
    with pytest.raises(Misconfigured, match="across the network"):
        await check(Settings())


async def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = Settings()
    tls = structs.replace(settings.tls, certificate=str(tmp_path / "tls.crt"))
    with pytest.raises(Misconfigured, match=r"tls\.crt"):
        await check(structs.replace(settings, tls=tls))
