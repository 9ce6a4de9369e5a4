"""How much is asked of other domains' servers, in words; apart from its user, which needs much."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.facts import AtOutbound

Wish = Literal["none", "opportunistic", "encrypt", "pkix", "dane"]


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of another domain's server before mail is given to it."""

    level: Annotated[
        AtOutbound[Wish],
        Meta(
            description="What is asked at least; what a domain publishes may ask for more. none: no TLS. "
            "opportunistic: TLS if it is offered. encrypt: TLS. pkix: a certificate for the host by a known authority. "
            "dane: TLSA records, or no mail."
        ),
    ] = AtOutbound.of("opportunistic")
    dane: Annotated[
        bool, Meta(description="Heed TLSA records (RFC 7672), where [dns] has a resolver that is believed.")
    ] = True
    mta_sts: Annotated[bool, Meta(description="Heed MTA-STS policies (RFC 8461), where there are no TLSA records.")] = (
        True
    )
    destinations: Annotated[
        dict[str, Wish],
        Meta(
            description="Domains (`.example.org`: all below it) of which something else is asked than they publish, "
            "whatever the level. none: never TLS. opportunistic: TLS if it is offered, whatever they publish. encrypt: "
            "at least TLS. pkix: at least a certificate for the host by a known authority. dane: TLSA records, or no "
            "mail."
        ),
    ] = {}
    sts_check_s: Annotated[
        int, Meta(description="How long a policy that is at hand is used without a look at the record.", ge=0)
    ] = 60
    sts_refresh_s: Annotated[
        int, Meta(description="How old a policy may get before it is fetched anew though its id is the same.", ge=3600)
    ] = 86_400
    sts_retry_s: Annotated[
        int, Meta(description="How long to wait after a fetch that failed (RFC 8461 3.3: five minutes or more).", ge=1)
    ] = 300
