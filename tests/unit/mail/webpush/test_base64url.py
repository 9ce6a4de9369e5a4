"""base64url: one text for one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.webpush import base64url


@given(st.binary(max_size=40))
def test_base64url_is_one_text_for_one_value(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert "=" not in text


@pytest.mark.parametrize("text", ["AB", "A", "AAA+", "AA A", "AA==A", "A\n"])
def test_what_is_no_base64url(text: str) -> None:
    with pytest.raises(ValueError, match="no base64url"):
        base64url.decode(text)
