"""cluster/certificates.py"""

import datetime as dt
import stat
from pathlib import Path

import pytest

from cluster.certificates import self_signed, server_context
from cluster.errors import Misconfigured

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_a_self_signed_certificate_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", ["mx.example.test"], NOW)
    made = certificate.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert self_signed(tmp_path / "tls", ["mx.example.test"], NOW) == (certificate, key)
    assert certificate.read_bytes() == made
    server_context(certificate, key)


def test_files_that_do_not_serve_are_named(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "one", ["a"], NOW)
    _, other_key = self_signed(tmp_path / "two", ["b"], NOW)
    for pair in [(certificate, other_key), (tmp_path / "absent.pem", other_key), (certificate, Path(__file__))]:
        with pytest.raises(Misconfigured, match=r"cannot be used: .*PEM files that belong together"):
            server_context(*pair)
