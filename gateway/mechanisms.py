"""The ways to log in that an operator may offer: one list for SMTP, IMAP and POP3.

The law: what is wanted here is offered only where it is possible (mail/sasl): a password needs TLS, a token somebody
who knows tokens, and -PLUS a connection that can be bound.
"""

from collections.abc import Collection
from typing import Final, Literal

Mechanism = Literal["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]
Mechanisms = tuple[Mechanism, ...]

PLUS: Final = "SCRAM-SHA-256-PLUS"
BY_DEFAULT: Final[Mechanisms] = ("SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
SAYS: Final = (
    "Ways to log in, where each is possible: tokens where `directory.oauth` says who knows them. SCRAM-SHA-256-PLUS is "
    "not among them by default: clients that stand on GSASL, such as Debian's mutt, choose it wherever it is offered, "
    "insist on a binding (tls-exporter, RFC 9266) that they themselves cannot give, and fail."
)


def wanted(possible: tuple[str, ...], mechanisms: Collection[str]) -> tuple[str, ...]:
    """Of what is possible what the settings want, strongest first."""
    return tuple(name for name in possible if name in mechanisms)
