"""Where etcd is, and how to reach it. Apart from its user, which imports gRPC.

The law: the password is a Secret; TLS is what an endpoint's https:// says, never a guess.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from cluster.config.secret import Secret

ENDPOINT: Final = r"^https?://[^/,\s]+:[0-9]{1,5}$"


class EtcdSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The etcd cluster (3.4 or newer) in which members announce themselves."""

    endpoints: Annotated[
        tuple[Annotated[str, Meta(pattern=ENDPOINT)], ...],
        Meta(
            description="Each member's client address, http://HOST:PORT or https://HOST:PORT.",
            min_length=1,
            max_length=9,
        ),
    ] = ("http://127.0.0.1:2379",)
    authority: Annotated[
        str, Meta(description="PEM file with the authority that signed etcd's certificate; empty: the system's.")
    ] = ""
    certificate: Annotated[str, Meta(description="PEM file with our certificate, where etcd asks for one.")] = ""
    key: Annotated[str, Meta(description="PEM file with the certificate's private key.")] = ""
    user: Annotated[str, Meta(description="Who to log in as; empty: etcd asks for no password.")] = ""
    password: Annotated[
        Secret, Meta(description='The password, as { env = "NAME" } or { file = "PATH" }.')
    ] = Secret()  # fmt: skip
    request_timeout_s: Annotated[
        float, Meta(description="Seconds after which a request that no member answers has failed.", ge=0.5, le=60)
    ] = 5.0
