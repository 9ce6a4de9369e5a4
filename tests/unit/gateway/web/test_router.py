"""Which route answers which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.answers import Answer
from gateway.web.exchange import Exchange
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
