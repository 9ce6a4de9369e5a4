"""The POP3 gateway's settings: each limit with its unit and the reason for its default."""

from typing import Annotated

from msgspec import Meta

from gateway.access.settings import AccessSettings
from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms


class Pop3Settings(AccessSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may change about POP3, besides listeners and certificates."""

    greeting: Annotated[
        str,
        Meta(
            pattern=r"^[ -;=-Z\\-~]*$",
            description="Text after +OK in the greeting: ASCII, without < (APOP begins with it) and [ (RFC 2449 3). "
            "Names no version: attackers read it.",
        ),
    ] = "Rookery ready"
    plaintext_login: Annotated[
        bool, Meta(description="Allow USER, PASS and AUTH without TLS. Off: they are neither announced nor taken.")
    ] = False
    mechanisms: Annotated[
        Mechanisms, Meta(description=f"{SAYS} USER and PASS are none of them, and are taken in any case.")
    ] = BY_DEFAULT
    idle_s: Annotated[
        float, Meta(ge=600, description="Seconds without a command after login; not below 600 (RFC 1939 3).")
    ] = 600.0
    marks_seen: Annotated[
        bool,
        Meta(
            description="Messages that were retrieved count as read when the session ends, for IMAP clients of the "
            "same account. TOP marks none."
        ),
    ] = True
