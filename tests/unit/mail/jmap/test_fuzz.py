"""The promise of tests/fuzz/jmap.py for a moment: on requests, on what is spoilt from them, and on noise."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.jmap import one_input, seeds

PIECES = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"\\u0061",
        b"\\ud800",
        b"#",
        b"*",
        b"/",
        b"~0",
        b"null",
        b"true",
    ),
    *(b"-1", b"1e9", b"9007199254740993", b"1e400", b" ", b"\xff", b"\xef\xbf\xbe", b'"#ids":', b'"operator":"NOT"'),
    *(b'{"resultOf":"t","name":"Core/echo","path":"/list/*/id"}', b'"conditions":[', b'"a":1,"a":1', b"\\\\", b'\\"'),
]


@st.composite
def _spoilt(draw: st.DrawFn) -> bytes:
    """A request with a piece or two replaced, cut out or put in."""
    data = draw(st.sampled_from(seeds()))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 6)))
        data = data[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=3)) + data[end:]
    return data


def test_what_is_whole() -> None:
    for data in seeds():
        one_input(data)


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(_spoilt() | st.binary(max_size=50) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_what_is_spoilt(data: bytes) -> None:
    one_input(data)
