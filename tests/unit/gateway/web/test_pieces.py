"""Routes, fields, ranges, codings, origins, events: each by itself."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import Misconfigured
from gateway.web.answers import Answer, HttpError, attachment
from gateway.web.compression import Unpacker, chosen, pack
from gateway.web.cors import Origins
from gateway.web.events import rendered
from gateway.web.exchange import Exchange
from gateway.web.fields import tags, weights
from gateway.web.ranges import Span, spans
from gateway.web.router import Router


async def one(_exchange: Exchange) -> Answer:
    return Answer()


async def two(_exchange: Exchange) -> Answer:
    return Answer()


class TestRouter:
    def test_fixed_segments_win_whatever_the_order(self) -> None:
        router = Router()
        router.add("/a/{x}", one)
        router.add("/a/{x}/{y}", one)
        router.add("/a/b/{y}", two)
        for path, handler, parameters in (
            ("/a/b", one, {"x": "b"}),
            ("/a/b/c", two, {"y": "c"}),
            ("/a/d/c", one, {"x": "d", "y": "c"}),
            ("/a/%62/c", two, {"y": "c"}),
        ):
            found = router.find(path)
            assert found is not None
            assert (found.route.handlers["GET"], found.parameters) == (handler, parameters)
        assert router.find("/a/") is None
        assert router.find("/a/b/c/d") is None
        assert router.find("/" * 1000) is None

    def test_methods_of_a_path_may_be_added_one_by_one(self) -> None:
        router = Router()
        router.add("/a", one)
        router.add("/a", two, methods=("POST",))
        found = router.find("/a")
        assert found is not None
        assert found.route.allowed == ("GET", "HEAD", "POST", "OPTIONS")
        with pytest.raises(ValueError, match="twice"):
            router.add("/a", one)
        with pytest.raises(ValueError, match="no path"):
            router.add("a", one)

    @given(st.text(max_size=50))
    def test_no_path_raises_anything(self, path: str) -> None:
        router = Router()
        router.add("/{a}/{b}", one)
        found = router.find("/" + path)
        assert found is None or "" not in found.parameters.values()


class TestFields:
    def test_weights(self) -> None:
        assert weights("gzip;q=0.5, ZSTD , br ; Q=0, x;q=2, ,;") == {"gzip": 0.5, "zstd": 1.0, "br": 0.0}
        assert weights("gzip," * 2000) == {}

    def test_tags(self) -> None:
        assert tags('"a,b", W/"c" ,"", x') == ['"a,b"', 'W/"c"', '""']

    @given(st.text(max_size=80))
    def test_nothing_raises(self, text: str) -> None:
        assert all(0 <= weight <= 1 for weight in weights(text).values())
        assert all(tag.endswith('"') for tag in tags(text))

    @given(st.text(max_size=30))
    def test_a_download_has_a_name_that_splits_nothing(self, name: str) -> None:
        _, value = attachment(name)
        assert value.isascii()
        assert value.isprintable()
        assert value.count('"') == 2


class TestRanges:
    @given(st.text("bytes=-, 0123456789", max_size=40), st.integers(0, 50))
    def test_never_more_than_there_is(self, text: str, size: int) -> None:
        try:
            found = spans("bytes=" + text, size)
        except HttpError:
            return  # none of them is there
        for span in found or []:
            assert 0 <= span.start < span.end <= size
        assert sum(end - start for start, end in found or []) <= size

    def test_in_their_order(self) -> None:
        assert spans("Bytes = 5-6 , -1, 0-0", 10) == [Span(5, 7), Span(9, 10), Span(0, 1)]
        assert spans("bytes=" + ",".join(f"{at}-{at}" for at in range(11)), 100) is None
        assert spans("pages=1-2", 10) is None


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
        unpacker = Unpacker()
        assert b"".join(unpacker.feed(packed[at : at + 3], 100) for at in range(0, len(packed), 3)) == b"hello world"
        unpacker.end()

    def test_a_bomb(self) -> None:
        with pytest.raises(HttpError) as error:
            Unpacker().feed(zlib.compress(bytes(10_000_000), 9, 31), 10_000)
        assert error.value.status == 413

    def test_cut_short_or_no_gzip(self) -> None:
        unpacker = Unpacker()
        unpacker.feed(zlib.compress(b"hello", 9, 31)[:-3], 100)
        for broken in (unpacker.end, lambda: Unpacker().feed(b"hello", 100)):
            with pytest.raises(HttpError) as error:
                broken()
            assert error.value.status == 400


class TestOrigins:
    def test_only_those_that_are_named(self) -> None:
        origins = Origins(["https://Web.test", "http://localhost:8080"])
        assert ("Access-Control-Allow-Origin", "https://web.test") in origins.headers("https://web.test")
        for other in ("https://web.test.evil", "http://web.test", "null", ""):
            assert origins.headers(other) == (("Vary", "Origin"),)

    @pytest.mark.parametrize("text", ["web.test", "https://web.test/", "https://", "https://a b"])
    def test_what_is_no_origin(self, text: str) -> None:
        with pytest.raises(Misconfigured, match="no origin"):
            Origins([text])


def test_events() -> None:
    assert rendered(b"a\r\nb\rc\n", "x\ny", "1\0\n2") == b"event: x y\nid: 1 2\ndata: a\ndata: b\ndata: c\n\n"
    assert rendered(b"") == b"data: \n\n"
