"""Lists and tags in header fields."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.answers import attachment
from gateway.web.fields import tags, weights


class TestFields:
    def test_weights(self) -> None:
        assert weights("gzip;q=0.5, ZSTD , br ; Q=0, x;q=2, ,;") == {"gzip": 0.5, "zstd": 1.0, "br": 0.0}
        assert weights("gzip," * 2000) == {}

    def test_tags(self) -> None:
        assert tags('"a,b", W/"c" ,"", x') == ['"a,b"', 'W/"c"', '""']

    def test_separators_without_tags_are_looked_at_once(self) -> None:
        for _ in range(300):  # a second each, where all were looked at again from each
            assert tags("," * 4096) == tags(" " * 4095 + "x") == []

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
