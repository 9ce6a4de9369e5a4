"""Spools: filled once, read from any place, gone when closed."""

import os
from pathlib import Path

import pytest

from cluster.blobs import spool as module
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack, pack_pieces, unpack, unpack_into
from cluster.blobs.spool import Reading, Spool


def filled(data: bytes, directory: Path | None = None) -> Spool:
    spool = Spool(directory)
    for at in range(0, len(data), 7):
        spool.add(data[at : at + 7])
    return spool


def test_it_is_read_from_any_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", 10)
    data = bytes(range(100))
    with filled(data) as spool:
        assert (spool.size, spool.digest) == (100, digest_of(data))
        assert spool.read(90, 50) == data[90:]
        assert spool.read(100, 1) == b""
        assert list(spool.pieces(5, 27)) == [data[5:15], data[15:25], data[25:27]]
        assert b"".join(spool.pieces(50)) == data[50:]
        reading = Reading(spool)
        assert (reading.read(3), reading.read(), reading.read(1)) == (data[:3], data[3:], b"")


def test_it_has_no_name_and_is_gone_when_closed(tmp_path: Path) -> None:
    spool = filled(b"some", tmp_path)
    assert not list(tmp_path.iterdir())
    spool.close()
    spool.close()
    for use in (lambda: spool.read(0, 1), lambda: spool.add(b"x"), lambda: list(spool.pieces())):
        with pytest.raises(ValueError):
            use()


@pytest.mark.parametrize("data", [b"", b"x", b"text " * 1000, bytes(1_000_000), os.urandom(300_000)])
def test_what_is_packed_in_pieces_is_read_by_those_who_know_no_pieces(data: bytes) -> None:
    with filled(data) as spool:
        assert unpack(b"".join(pack_pieces(spool))) == data
    for stored in (pack(data), b"\0" + data):
        with filled(stored) as source, Spool() as found:
            unpack_into(found, Reading(source))
            assert found.read(0, found.size) == data
