"""What is refused before anybody is called, and what is said where nobody answers."""

import datetime as dt
from pathlib import Path

import pytest

from cluster.authority import issue, make_authority
from cluster.errors import Misconfigured
from ops.cli.remote import Remote, channel_to, cure


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    now = dt.datetime.now(dt.UTC)
    make_authority(tmp_path, now)
    for name in ("alice", "bob"):
        issue(tmp_path, name, "admin", now)
    return tmp_path


def shown(keys: Path, certificate: str, key: str) -> Remote:
    return Remote("mx-1:2090", certificate=str(keys / f"{certificate}.pem"), key=str(keys / f"{key}-key.pem"))


def test_an_address_needs_its_port() -> None:
    with pytest.raises(Misconfigured, match="HOST:PORT, as in mx-1:2090"):
        channel_to(Remote("mx-1"), "")


@pytest.mark.parametrize(("key", "text"), [("bob", "no certificate and its key"), ("carol", "Cannot read")])
def test_a_certificate_that_does_not_fit_its_key(keys: Path, key: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=text):
        channel_to(shown(keys, "alice", key), "")


def test_what_may_help() -> None:
    refused = "Tls handshake failed: CERTIFICATE_VERIFY_FAILED"
    assert "--authority" in cure(Remote("a:1", certificate="a.pem", key="k.pem"), refused)
    assert "--certificate" in cure(Remote("a:1", authority="authority.pem"), "Socket closed")
    assert not cure(Remote(), "Socket closed")
