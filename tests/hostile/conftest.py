"""One server for all hostile clients: what one breaks, the next would see."""

from collections.abc import Iterator

import pytest

from tests.running import Running

# Passwords without TLS, on loopback: the attacks are on what comes after.
SETTINGS = """
[screen]
dmarc = "note"
[imap]
plaintext_login = true
login_failure_delay_s = 0.1
drain_s = 0.5
[pop3]
plaintext_login = true
login_failure_delay_s = 0.1
drain_s = 0.5
[smtp]
plaintext_auth = true
auth_pause_s = 0.1
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Running; in the end, nothing it logged was a defect."""
    running = Running(tmp_path_factory.mktemp("hostile"), SETTINGS).start()
    yield running
    running.stop()
    log = running.output.read_text(errors="replace")
    assert "defect" not in log
    assert "Traceback" not in log
