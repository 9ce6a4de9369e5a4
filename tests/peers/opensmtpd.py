"""Debian's OpenSMTPD, unpacked: Debian's mail servers exclude one another."""

from typing import ClassVar

from tests.peers.peer import HOST, Abilities, Peer


class OpenSmtpd(Peer):
    """It has DSN, but neither CHUNKING nor SMTPUTF8. As a server it offers STARTTLS, and every handshake fails: version
    6.8.0p2 of Debian 12 keeps its key in another process in a way that OpenSSL 3 does not know (its issues 1171 and
    1239). So it is the peer with broken TLS here; as a client its TLS works."""

    name = "opensmtpd"
    part: ClassVar[str] = "opensmtpd"
    unknown_words: ClassVar[str] = "550 Invalid recipient"
    has_tls: ClassVar[bool] = False
    can: ClassVar[Abilities] = Abilities(chunking=False, smtputf8=False)
    own_users: ClassVar[dict[str, str]] = {"opensmtpd": "/var/lib/opensmtpd/empty", "opensmtpq": "/nonexistent"}

    def furnish(self, next_port: int) -> None:
        """Of Peer."""
        self.world.folder("var/lib/opensmtpd/empty")
        self.world.folder("var/spool/smtpd", mode=0o711)
        self.world.write("etc/mailname", f"mx.{self.domain}\n")
        self.world.write(
            "etc/smtpd.conf",
            f"""\
pki own cert "/etc/tls/chain.pem"
pki own key "/etc/tls/key.pem"
smtp max-message-size "50M"
listen on {HOST} port {self.port} tls pki own hostname mx.{self.domain}
listen on {HOST} port {self.data_port} tls pki own hostname mx.{self.domain}
action here maildir "/var/mail/%{{user.username}}"
action away relay host "smtp+tls://{HOST}:{next_port}" tls no-verify helo mx.{self.domain}
match from any for domain {{ "{self.domain}", "{self.data_domain}" }} action here
match from local for any action away
""",
        )

    def command(self) -> tuple[str, ...]:
        """Of Peer."""
        return "/usr/sbin/smtpd", "-d"
