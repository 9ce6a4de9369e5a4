"""Lookups in files: read anew when they change, kept when they break."""

import os
from pathlib import Path

import pytest

from cluster.errors import Misconfigured
from cluster.lookup.files import File
from cluster.lookup.settings import LookupSettings


def write(path: Path, text: str, at_s: int) -> None:
    path.write_text(text)
    os.utime(path, (at_s, at_s))


async def test_a_file_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "list"
    source = File(LookupSettings(kind="file", path=str(path)))
    write(path, "a=1", 100)
    table = await source.read()
    assert table is not None
    assert table.find("a") == "1"
    assert await source.read() is None
    write(path, "a=2", 101)
    table = await source.read()
    assert table is not None
    assert table.find("a") == "2"


async def test_what_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "list"
    source = File(LookupSettings(kind="file", path=str(path), bytes_max=1000))
    with pytest.raises(Misconfigured, match=r"list cannot be read: No such file or directory; check the path"):
        await source.read()
    write(path, "x" * 2000, 100)
    for _ in range(2):
        with pytest.raises(Misconfigured, match="cannot be used: it is larger than 1000 bytes"):
            await source.read()
    write(path, "x", 100)
    assert await source.read() is not None
