"""The IMAP gateway's settings: each limit with its unit and the reason for its default."""

from typing import Annotated, Literal

from msgspec import Meta

from gateway.access.settings import AccessSettings
from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms

MEGABYTE = 1024 * 1024


class ImapSettings(AccessSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may change about IMAP, besides listeners and certificates."""

    admin: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z][A-Za-z0-9+.-]*:[!-~]+)?$",
            description="How to reach you: a URI like mailto:postmaster@example.org, shown to users as the server's "
            "/shared/admin (RFC 5464 3.2.1.1). Empty: not told.",
        ),
    ] = ""
    comment: Annotated[
        str, Meta(description="A note to all users, shown as the server's /shared/comment (RFC 5464). Empty: none.")
    ] = ""
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
    literals: Annotated[
        Literal["plus", "minus"],
        Meta(
            description="Literals that a client sends without asking: `plus` announces LITERAL+, of any size; `minus` "
            "LITERAL-, of 4096 bytes at most (RFC 7888)."
        ),
    ] = "plus"
    compress: Annotated[
        bool, Meta(description="Offer COMPRESS=DEFLATE (RFC 4978). Costs 40 kB for each connection that uses it.")
    ] = True
    unauthenticate: Annotated[
        bool,
        Meta(
            description="Offer UNAUTHENTICATE (RFC 8437): one connection for several users in turn. Turn it off behind "
            "a proxy that looks at the first login only."
        ),
    ] = True
    jmap_url: Annotated[
        str,
        Meta(
            description="Where the JMAP session resource for the same mail is: announces JMAPACCESS (RFC 9698). "
            "Empty: there is none.",
            pattern=r"^(https://[!-~]+)?$",
            max_length=1000,
        ),
    ] = ""
    message_bytes_max: Annotated[
        int, Meta(ge=1024, description="Largest message APPEND takes, in bytes: what common mail systems exchange.")
    ] = 64 * MEGABYTE
    command_bytes_max: Annotated[
        int, Meta(ge=8192, description="Longest command without APPEND's message, in bytes (RFC 7162 6 asks for 8192).")
    ] = 64 * 1024
    message_limit: Annotated[
        int,
        Meta(
            ge=1000,
            description="Messages a FETCH, STORE, SEARCH, MOVE or UID EXPUNGE handles; of more, the newest (RFC 9738). "
            "SORT and THREAD of more are refused.",
        ),
    ] = 1_000_000
    memory_bytes_max: Annotated[
        int,
        Meta(
            ge=MEGABYTE, description="Commands on their way may hold this much together; then large ones are cut off."
        ),
    ] = 1024 * MEGABYTE
