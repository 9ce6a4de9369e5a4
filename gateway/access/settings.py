"""The settings that every protocol of mail access has: each limit with its unit and the reason for its default."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms


class AccessSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator may change about any of them; a protocol says more, and with its own words where they differ."""

    greeting: Annotated[
        str, Meta(description="Text after OK in the greeting. Names no version: attackers read it.")
    ] = "Rookery ready"
    plaintext_login: Annotated[bool, Meta(description="Allow to log in without TLS.")] = False
    mechanisms: Annotated[Mechanisms, Meta(description=SAYS)] = BY_DEFAULT
    connections_max: Annotated[int, Meta(ge=1, description="Open connections of this gateway.")] = 20_000
    connections_per_ip_max: Annotated[
        int, Meta(ge=1, description="Open connections from one address; a household's or small office's clients.")
    ] = 200
    connections_per_account_max: Annotated[
        int,
        Meta(
            ge=1,
            description="Open connections of one account to this gateway, once logged in; clients use one for each "
            "folder they watch.",
        ),
    ] = 50
    idle_s: Annotated[float, Meta(gt=0, description="Seconds without a command after login.")] = 1800.0
    login_s: Annotated[
        float, Meta(gt=0, description="Seconds without a command before login; and three times as many until login.")
    ] = 60.0
    write_s: Annotated[
        float, Meta(gt=0, description="Seconds a client may leave our answer unread before it is cut off.")
    ] = 120.0
    drain_s: Annotated[float, Meta(ge=0, description="Seconds running commands get to finish when we stop.")] = 10.0
    login_failures_max: Annotated[
        int, Meta(ge=1, description="Failed logins on one connection before it is closed.")
    ] = 3
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
