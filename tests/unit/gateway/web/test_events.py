"""How events go over the line."""

from gateway.web.events import rendered


def test_events() -> None:
    assert rendered(b"a\r\nb\rc\n", "x\ny", "1\0\n2") == b"event: x y\nid: 1 2\ndata: a\ndata: b\ndata: c\n\n"
    assert rendered(b"") == b"data: \n\n"
