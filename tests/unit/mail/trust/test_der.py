"""A certificate's public key, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.trust.der import public_key
from tests.authorities import Certified, rsa_key


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_the_key_is_found(kind: str) -> None:
    root = Certified.root(key=rsa_key() if kind == "rsa" else None)
    assert public_key(root.der) == root.spki


def test_cut_certificates_are_none() -> None:
    der = Certified.root().der
    for at in range(len(der)):
        with pytest.raises(ValueError, match="no certificate"):
            public_key(der[:at])


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for start in (b"", b"\x30\x50\x30\x40", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80"):
        try:
            assert isinstance(public_key(start + data), bytes)
        except ValueError:
            pass
