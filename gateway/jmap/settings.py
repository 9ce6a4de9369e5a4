"""The JMAP gateway's settings."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Principals = Literal["domain", "all", "known"]


class JmapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may change about JMAP."""

    principals: Annotated[
        Principals,
        Meta(
            description="Whom users are told of as somebody to share with (RFC 9670): `domain` are the users and "
            "groups with an address in a domain where they have one; `all` are those of all domains; `known` only "
            "those that share something with them, or have something of theirs. These are told of in any case."
        ),
    ] = "domain"
