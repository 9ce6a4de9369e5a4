"""The settings of web push, each in words beside its default."""

from typing import Annotated

from msgspec import Meta, Struct


class PushSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Web push: changes that are pushed to devices through the push services that they have chosen (RFC 8620 7.2)."""

    contact: Annotated[
        str,
        Meta(
            description="How push services reach whoever runs this server, a mailto: or https: URI (RFC 8292 2.1). "
            "Empty: mailto:postmaster@ and the hostname.",
            pattern="^(?:(?:mailto|https):.*)?$",
        ),
    ] = ""
    key_days: Annotated[
        int,
        Meta(
            description="The key that pushes are signed with is replaced after so many days (RFC 9749); 0: never. "
            "Clients subscribe anew under the new one.",
            ge=0,
            le=3650,
        ),
    ] = 0
    old_key_days: Annotated[
        int,
        Meta(
            description="For so long after that, subscriptions under the old key go on; then they are removed.",
            ge=0,
            le=365,
        ),
    ] = 14
    private_addresses: Annotated[
        bool,
        Meta(
            description="Push also to services whose addresses are not on the public network. Whoever has an account "
            "can then have this server connect to any machine of yours: only for networks where that is no harm."
        ),
    ] = False
