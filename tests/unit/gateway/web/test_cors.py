"""Whose scripts may."""

import pytest

from cluster.errors import Misconfigured
from gateway.web.cors import Origins


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
