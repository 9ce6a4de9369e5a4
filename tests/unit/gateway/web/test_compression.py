"""Which coding an answer gets, and what a packed request may grow to."""

import zlib

import pytest

from gateway.web.answers import HttpError
from gateway.web.compression import Unpacker, chosen, pack


class TestCodings:
    @pytest.mark.parametrize(
        ("accepted", "kind", "size", "coding"),
        [
            ("gzip, zstd", "application/json", 5000, "zstd"),
            ("gzip;q=1.0, zstd;q=0.9", "application/json", 5000, "gzip"),
            ("*", "text/html", 5000, "zstd"),
            ("*;q=0", "text/html", 5000, ""),
            ("identity, br", "text/html", 5000, ""),
            ("zstd;q=0, *", "text/html", 5000, "gzip"),
            ("gzip", "text/html", 1000, ""),
            ("gzip", "application/octet-stream", 5000, ""),
        ],
    )
    def test_which(self, accepted: str, kind: str, size: int, coding: str) -> None:
        assert chosen(accepted, kind, size) == coding

    async def test_large_ones_too(self) -> None:
        body = b"abc" * 100_000
        assert zlib.decompress(await pack(body, "gzip"), 31) == body

    def test_a_body_in_members_and_pieces(self) -> None:
        packed = zlib.compress(b"hello ", 9, 31) + zlib.compress(b"world", 9, 31)
        unpacker = Unpacker(100)
        assert b"".join(unpacker.feed(packed[at : at + 3], 100) for at in range(0, len(packed), 3)) == b"hello world"
        unpacker.end()

    def test_a_bomb(self) -> None:
        with pytest.raises(HttpError) as error:
            Unpacker(10_000).feed(zlib.compress(bytes(10_000_000), 9, 31), 10_000)
        assert error.value.status == 413

    def test_members_without_end_that_weigh_nothing(self) -> None:
        with pytest.raises(HttpError) as error:
            Unpacker(10_000_000).feed(zlib.compress(b"", 9, 31) * 2000, 10_000_000)
        assert error.value.status == 413

    def test_much_that_becomes_nothing(self) -> None:
        # Empty blocks of deflate: a single member may have any number of them.
        unpacker = Unpacker(1000)
        maker = zlib.compressobj(9, zlib.DEFLATED, 31)
        empty = maker.compress(b"") + maker.flush(zlib.Z_FULL_FLUSH)
        unpacker.feed(empty, 1000)
        with pytest.raises(HttpError) as error:
            unpacker.feed(bytes.fromhex("000000ffff") * 1000, 1000)
        assert error.value.status == 413

    def test_cut_short_or_no_gzip(self) -> None:
        unpacker = Unpacker(100)
        unpacker.feed(zlib.compress(b"hello", 9, 31)[:-3], 100)
        for broken in (unpacker.end, lambda: Unpacker(100).feed(b"hello", 100)):
            with pytest.raises(HttpError) as error:
                broken()
            assert error.value.status == 400
