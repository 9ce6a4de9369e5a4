"""What is sent."""

from ops.bench.sending import Load, smtp_source_command


def test_a_load_counts_its_messages() -> None:
    assert Load(100, 50, 4096).messages == 5000


def test_smtp_source_sends_one_accounts_share_with_a_connection_a_message() -> None:
    command = " ".join(smtp_source_command(Load(100, 50, 4096), 7, 2525))
    assert command == "smtp-source -s 1 -m 50 -l 4096 -f sender@elsewhere.test -t user7@peer.test 127.0.0.1:2525"
