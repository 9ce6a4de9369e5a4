"""The IMAP gateway's settings: each limit with its unit and the reason for its default."""

from typing import Annotated

from msgspec import Meta

from gateway.access.settings import AccessSettings
from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms

MEGABYTE = 1024 * 1024


class ImapSettings(AccessSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may change about IMAP, besides listeners and certificates."""

    plaintext_login: Annotated[
        bool,
        Meta(description="Allow LOGIN and AUTHENTICATE without TLS. Off: LOGINDISABLED is announced (RFC 3501 6.2.3)."),
    ] = False
    mechanisms: Annotated[
        Mechanisms, Meta(description=f"{SAYS} The command LOGIN is none of them, and is taken in any case.")
    ] = BY_DEFAULT
    idle_s: Annotated[
        float, Meta(ge=1800, description="Seconds without a command after login; not below 1800 (RFC 3501 5.4).")
    ] = 1800.0
    message_bytes_max: Annotated[
        int, Meta(ge=1024, description="Largest message APPEND takes, in bytes: what common mail systems exchange.")
    ] = 64 * MEGABYTE
    command_bytes_max: Annotated[
        int, Meta(ge=8192, description="Longest command without APPEND's message, in bytes (RFC 7162 6 asks for 8192).")
    ] = 64 * 1024
    memory_bytes_max: Annotated[
        int,
        Meta(
            ge=MEGABYTE, description="Commands on their way may hold this much together; then large ones are cut off."
        ),
    ] = 1024 * MEGABYTE
