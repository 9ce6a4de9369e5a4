"""What goes over the wire before anything is measured."""

from pathlib import Path

import pytest

from ops.bench.peers import Ports
from ops.bench.people import OverHttps, listening


@pytest.mark.parametrize("takes", ["smtp", "lmtp"])
def test_one_port_takes_mail_and_one_is_for_https(tmp_path: Path, takes: str) -> None:
    settings = OverHttps(tmp_path, Ports(1, 2), https=3, takes=takes).settings  # type: ignore[arg-type]
    for protocol, port in ((takes, 1), ("imap", 2), ("https", 3)):
        assert f'[[listen]]\nprotocol = "{protocol}"\nport = {port}\n' in settings
    assert settings.count("[[listen]]") == 3


def test_an_event_source_is_asked_for_with_a_password() -> None:
    lines = listening(8443, 1, "types=*").decode().split("\r\n")
    assert lines[0] == "GET /jmap/eventsource?types=* HTTP/1.1"
    assert "Authorization: Basic dXNlcjFAcGVlci50ZXN0OnNlY3JldA==" in lines
    assert lines[-2:] == ["", ""]
