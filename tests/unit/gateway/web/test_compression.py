"""Which coding an answer gets, and what a packed request may grow to."""

import zlib

import pytest

from gateway.web.answers import HttpError
from gateway.web.compression import PIECE_BYTES, Unpacker, chosen, pack


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
        parts = [b"".join(unpacker.feed(packed[at : at + 3], 100)) for at in range(0, len(packed), 3)]
        assert b"".join(parts) == b"hello world"
        unpacker.end()

    def test_a_bomb(self) -> None:
        with pytest.raises(HttpError) as error:
            list(Unpacker(10_000).feed(zlib.compress(bytes(10_000_000), 9, 31), 10_000))
        assert error.value.status == 413

    @pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 1_000_000])
    @pytest.mark.parametrize("times", [1, 2])
    def test_much_of_little_comes_in_pieces(self, size: int, times: int) -> None:
        unpacker = Unpacker(2 * size)
        pieces = list(unpacker.feed(zlib.compress(bytes(size), 9, 31) * times, size * times))
        assert sum(map(len, pieces)) == size * times
        assert max(map(len, pieces), default=0) <= PIECE_BYTES
        unpacker.end()

    def test_members_without_end_that_weigh_nothing(self) -> None:
        with pytest.raises(HttpError) as error:
            list(Unpacker(10_000_000).feed(zlib.compress(b"", 9, 31) * 2000, 10_000_000))
        assert error.value.status == 413

    def test_much_that_becomes_nothing(self) -> None:
        # Empty blocks of deflate: a single member may have any number of them.
        unpacker = Unpacker(1000)
        maker = zlib.compressobj(9, zlib.DEFLATED, 31)
        empty = maker.compress(b"") + maker.flush(zlib.Z_FULL_FLUSH)
        assert not list(unpacker.feed(empty, 1000))
        with pytest.raises(HttpError) as error:
            list(unpacker.feed(bytes.fromhex("000000ffff") * 1000, 1000))
        assert error.value.status == 413

    def test_cut_short_or_no_gzip(self) -> None:
        unpacker = Unpacker(100)
        assert list(unpacker.feed(zlib.compress(b"hello", 9, 31)[:-3], 100)) == [b"hello"]
        for broken in (unpacker.end, lambda: list(Unpacker(100).feed(b"hello", 100))):
            with pytest.raises(HttpError) as error:
                broken()
            assert error.value.status == 400
