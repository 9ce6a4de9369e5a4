"""What an operator sets of the admin service, and of its form over HTTPS."""

from typing import Annotated

from msgspec import Meta, Struct

from cluster.config import Secret


class AdminSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The admin service on the network, for `rookery --server`. On this machine it is always on a socket in the data
    directory."""

    host: Annotated[str, Meta(description="The address to listen on; empty: not on the network.")] = ""
    port: Annotated[int, Meta(description="The TCP port; 0: any free one.", ge=0, le=65535)] = 2090
    certificate: Annotated[str, Meta(description="PEM file with the certificate; TLS is always used.")] = ""
    key: Annotated[str, Meta(description="PEM file with its private key.")] = ""
    authority: Annotated[
        str,
        Meta(
            description="PEM file with the authority of operators' certificates, which `rookery certificate` made: "
            "then nobody without one is let in."
        ),
    ] = ""
    token: Annotated[
        Secret, Meta(description="What operators without a certificate show (ROOKERY_TOKEN), at least 32 characters.")
    ] = Secret()
    audit_days: Annotated[int, Meta(description="How long the record of changes is kept.", ge=1)] = 400


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The admin service as an HTTP API, at /api/v1 of listeners with protocol = "https", for accounts that are
    administrators (`rookery account change LOGIN --administrator`) and for who shows [admin] token."""

    enabled: Annotated[bool, Meta(description="Serve it.")] = False
    writes: Annotated[bool, Meta(description="Take changes too; without it the API only tells.")] = False
    networks: Annotated[
        tuple[str, ...], Meta(description="Networks it answers to; all others are refused before they log in.")
    ] = ("127.0.0.0/8", "::1/128")
