"""Macros: what a filter is told besides the commands, by name, before the command they belong to.

Which names a filter gets at a stage is Sendmail's and Postfix's custom, unless it asked for others (SETSYMLIST). A name
of one letter stands bare on the wire, a longer one in braces; here all are bare.
"""

from collections.abc import Mapping
from typing import Final

from mail.milter.codes import Command, Stage
from mail.milter.frames import frame

USUAL: Final[Mapping[Stage, tuple[str, ...]]] = {
    Stage.CONNECT: ("j", "_", "v", "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr",
                    "client_name", "client_addr", "client_port", "client_ptr", "client_connections"),
    Stage.HELO: ("tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"),
    Stage.MAIL: ("i", "auth_type", "auth_authen", "auth_author", "auth_ssf", "mail_mailer", "mail_host", "mail_addr",
                 "tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"),
    Stage.RCPT: ("i", "rcpt_mailer", "rcpt_host", "rcpt_addr"),
    Stage.DATA: ("i",),
    Stage.EOH: ("i",),
    Stage.EOM: ("i", "msg_id"),
}  # fmt: skip


def build_macros(command: Command, names: tuple[str, ...], known: Mapping[str, str]) -> bytes:
    """The frame that says what is known of these names; empty where nothing is."""
    pairs = b"".join(
        b"%b\0%b\0" % (_spelled(name), clean(known[name].encode("utf-8", "replace")))
        for name in names
        if known.get(name)
    )
    return frame(Command.MACRO, bytes((command,)) + pairs) if pairs else b""


def clean(value: bytes) -> bytes:
    """Without NUL, which ends a string on the wire."""
    return value.replace(b"\0", b"") if b"\0" in value else value


def _spelled(name: str) -> bytes:
    return (name if len(name) == 1 else f"{{{name}}}").encode("latin-1", "replace")
