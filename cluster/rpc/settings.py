"""How processes of a cluster know each other on the data plane.

The law: without certificates nothing is carried, unless somebody has said so in as many words.
"""

from typing import Annotated

from msgspec import Meta, Struct


class RpcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data plane's certificates: each node has its own, and all are signed by the cluster's authority."""

    certificate: Annotated[str, Meta(description="PEM file with this node's certificate.")] = ""
    key: Annotated[str, Meta(description="PEM file with its private key.")] = ""
    authority: Annotated[str, Meta(description="PEM file with the certificate of the cluster's authority.")] = ""
    insecure: Annotated[
        bool, Meta(description="Plain text and no certificates: for tests on one machine, never on a network.")
    ] = False
