"""What a server offers after EHLO: keywords, mechanisms and the conditions behind them.

A keyword must never be told that the machine would then refuse (RFC 5321 4.1.1.1).
"""

from functools import lru_cache

import msgspec

from mail.smtp.replies import Reply

EXTENSIONS = (
    "PIPELINING",  # RFC 2920
    "8BITMIME",  # RFC 6152
    "SMTPUTF8",  # RFC 6531
    "ENHANCEDSTATUSCODES",  # RFC 2034
    "CHUNKING",  # RFC 3030
    "BINARYMIME",  # RFC 3030
    "DSN",  # RFC 3461
)


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection is offered; a rule may give each connection its own."""

    starttls: bool = False
    """A certificate is there; told until TLS is active."""
    tls_required: bool = False
    """MAIL is refused with 530 before TLS."""
    auth_required: bool = False
    """MAIL is refused with 530 before AUTH."""
    mechanisms_tls: tuple[str, ...] = ()
    """SASL mechanisms under TLS, strongest first."""
    mechanisms_clear: tuple[str, ...] = ()
    """SASL mechanisms without TLS; none that sends the password itself (RFC 4954 4)."""

    def mechanisms(self, *, tls: bool) -> tuple[str, ...]:
        """What AUTH may name now."""
        return self.mechanisms_tls if tls else self.mechanisms_clear


@lru_cache(maxsize=64)  # a handful of listeners, each with and without TLS and AUTH
def keywords(
    host: str, offers: Offers, *, tls: bool, authenticated: bool, message_bytes_max: int, recipients_max: int
) -> bytes:
    """The whole answer to EHLO or LHLO, encoded."""
    lines = [host, f"SIZE {message_bytes_max}", *EXTENSIONS]
    if offers.starttls and not tls:
        lines.append("STARTTLS")  # not again under TLS (RFC 3207 4.2)
    mechanisms = offers.mechanisms(tls=tls)
    if mechanisms and not authenticated:
        lines.append("AUTH " + " ".join(mechanisms))
    lines.append(f"LIMITS RCPTMAX={recipients_max}")  # RFC 9422
    return Reply(250, "", "\n".join(lines)).encode()
