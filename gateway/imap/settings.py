"""The IMAP gateway's settings: each limit with its unit and the reason for its default."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms

MEGABYTE = 1024 * 1024


class ImapSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may change about IMAP, besides listeners and certificates."""

    greeting: Annotated[
        str, Meta(description="Text after OK in the greeting. Names no version: attackers read it.")
    ] = "Rookery ready"
    plaintext_login: Annotated[
        bool,
        Meta(description="Allow LOGIN and AUTHENTICATE without TLS. Off: LOGINDISABLED is announced (RFC 3501 6.2.3)."),
    ] = False
    mechanisms: Annotated[
        Mechanisms, Meta(description=f"{SAYS} The command LOGIN is none of them, and is taken in any case.")
    ] = BY_DEFAULT
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
    connections_max: Annotated[int, Meta(ge=1, description="Open connections of this gateway.")] = 20_000
    connections_per_ip_max: Annotated[
        int, Meta(ge=1, description="Open connections from one address; a household's or small office's clients.")
    ] = 200
    idle_s: Annotated[
        float, Meta(ge=1800, description="Seconds without a command after login; not below 1800 (RFC 3501 5.4).")
    ] = 1800.0
    login_s: Annotated[float, Meta(gt=0, description="Seconds without a command before login.")] = 60.0
    write_s: Annotated[
        float, Meta(gt=0, description="Seconds a client may leave our answer unread before it is cut off.")
    ] = 120.0
    drain_s: Annotated[float, Meta(ge=0, description="Seconds running commands get to finish when we stop.")] = 10.0
    connections_per_account_max: Annotated[
        int,
        Meta(
            ge=1,
            description="Open connections of one account to this gateway, once logged in; clients use one for each "
            "folder they watch.",
        ),
    ] = 50
    login_failures_max: Annotated[int, Meta(ge=1, description="Failed logins on one connection before BYE.")] = 3
    login_failure_delay_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds an answer to a failed login is held back, longer with each ([logins] pause_s_max).",
        ),
    ] = 2.0
    write_buffer_bytes: Annotated[
        int, Meta(ge=4096, description="Bytes of answers a connection may have unsent before its command waits.")
    ] = 256 * 1024
