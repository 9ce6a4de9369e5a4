"""The settings of the checks on incoming mail, each in words beside its default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Check = Literal["iprev", "spf", "dkim", "arc", "dmarc"]


class TrustSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is found out about mail from other servers."""

    checks: Annotated[
        tuple[Check, ...], Meta(description="The checks that are made. What follows from them is said by rules.")
    ] = ("iprev", "spf", "dkim", "arc", "dmarc")
    authserv_id: Annotated[
        str,
        Meta(
            description="What we are called in Authentication-Results (RFC 8601 2.5), the same on all servers of a "
            "cluster; fields from outside under this name are removed. Empty: the hostname."
        ),
    ] = ""
    deadline_s: Annotated[
        float,
        Meta(
            description="How long the DNS may take for one message, all checks together; what is not known then is a "
            "temporary error (RFC 7208 4.6.4 asks for at least 20).",
            gt=0,
            le=300,
        ),
    ] = 20.0
    organizations: Annotated[
        Literal["tree-walk", "suffix-list"],
        Meta(
            description="How DMARC finds out what belongs to whom. tree-walk: by asking (RFC 9989). suffix-list: by a "
            "list of public suffixes that comes with the program (RFC 7489)."
        ),
    ] = "tree-walk"
    pct: Annotated[
        bool,
        Meta(
            description="Where a DMARC record still has pct= (RFC 7489), its policy is for that share of the messages. "
            "Off: the tag is ignored (RFC 9989)."
        ),
    ] = True
