"""The settings of one milter, each in words beside its default."""

import re
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta, Struct

from cluster.errors import Misconfigured
from mail.milter.codes import DATA_BYTES, DATA_BYTES_1M, DATA_BYTES_256K
from mail.milter.machine import MIB, Limits
from mail.milter.options import Offer

Seconds = Annotated[float, Meta(gt=0, le=600)]
_INET: Final = re.compile(r"inet6?:(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]/]+)):([0-9]{1,5})")
_SIZES: Final = {"64k": DATA_BYTES, "256k": DATA_BYTES_256K, "1m": DATA_BYTES_1M}


class Where(NamedTuple):
    """Where a milter listens: the path of a Unix socket, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0


class MilterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A milter: a filter that is asked at each step of an SMTP session. Several are asked in their order here."""

    name: Annotated[str, Meta(description="What logs and traces call it.", min_length=1, max_length=64)]
    address: Annotated[
        str, Meta(description="`inet:host:port`, `inet:[IPv6 address]:port`, or `unix:/path` of a Unix socket.")
    ]
    enabled: Annotated[bool, Meta(description="Whether it is asked at all.")] = True
    stages: Annotated[
        Literal["all", "message"],
        Meta(
            description="all: asked at each command, so that it can refuse a client or a recipient. message: told of "
            "everything once the whole message is here; quicker, and enough for most."
        ),
    ] = "all"
    on_error: Annotated[
        Literal["tempfail", "accept", "reject", "quarantine"],
        Meta(
            description="What becomes of mail while it is down, slow or errs. tempfail: the client is told to retry. "
            "accept: the mail goes on without it. reject: refused for good. quarantine: taken, but held back."
        ),
    ] = "tempfail"
    version: Annotated[int, Meta(description="The highest protocol version to offer.", ge=2, le=6)] = 6
    tls: Annotated[bool, Meta(description="Speak TLS, and verify its certificate.")] = False
    tls_name: Annotated[
        str, Meta(description="The name its certificate must have; empty: the host of its address.")
    ] = ""
    tls_ca: Annotated[
        str, Meta(description="PEM file of the authorities to trust; empty: those the system trusts.")
    ] = ""
    connect_s: Annotated[Seconds, Meta(description="How long to connect and to agree on options may take.")] = 10.0
    command_s: Annotated[Seconds, Meta(description="How long its answer to a command may take.")] = 30.0
    message_s: Annotated[
        Seconds,
        Meta(description="How long it may take over a message, whatever progress it claims; clients wait 600 s."),
    ] = 300.0
    response_bytes_max: Annotated[
        int, Meta(description="The most that it may answer to one message, a new body included.", ge=MIB, le=64 * MIB)
    ] = 50 * MIB
    data_size: Annotated[
        Literal["64k", "256k", "1m"],
        Meta(description="The most of a body to send at once, where it takes more than the usual 64k."),
    ] = "64k"
    macros: Annotated[
        dict[str, str], Meta(description="Macros to tell it besides those known, by name without braces.")
    ] = {}

    def where(self) -> Where:
        """The address, taken apart. Raises Misconfigured."""
        if self.address.startswith("unix:/"):
            return Where(path=self.address.removeprefix("unix:"))
        found = _INET.fullmatch(self.address)
        if found is None or not 1 <= int(found[3]) <= 65_535:
            raise Misconfigured(
                f"The address {self.address!r} of the milter {self.name!r} cannot be read. "
                "Give it as inet:host:port or unix:/path."
            )
        return Where(host=found[1] or found[2], port=int(found[3]))

    def offer(self) -> Offer:
        """What of it is agreed on with the milter."""
        return Offer(self.version, _SIZES[self.data_size])

    def limits(self) -> Limits:
        """What of it the protocol machine holds."""
        return Limits(message_bytes_max=self.response_bytes_max)
