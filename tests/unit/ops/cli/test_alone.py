"""What `rookery alone` says when it serves."""

from ops.cli.alone import serving_text
from ops.settings import Listener, Settings, TlsSettings


def test_the_ports_are_told_and_what_is_left_to_set() -> None:
    listen = (
        Listener(protocol="imap", host="::", port=993, tls="implicit"),
        Listener(protocol="smtp", host="192.0.2.1", port=25, tls="starttls"),
    )
    said = serving_text(Settings(data="/data", listen=listen))
    assert said.startswith("Rookery serves as localhost; mail is kept in /data.\n")
    assert "  imap       [::]:993 (TLS)\n  smtp       192.0.2.1:25 (STARTTLS)\n" in said
    assert "`hostname`" in said
    assert "[tls]" in said
    said = serving_text(Settings(hostname="mail.example.org", listen=listen, tls=TlsSettings(certificate="x", key="y")))
    assert "`" not in said
