"""Which octets a Range header asks for."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.answers import HttpError
from gateway.web.ranges import Span, spans


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
