"""Which cluster a node belongs to, what the node is called, and how Ray is reached on it.

The law: the file of a cluster is the same on every node; what differs (name, host) comes from the machine, from
`rookery node`, or from `{ env = "NAME" }`. Tokens and keys are named by path, never held here.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from cluster.membership.settings import EtcdSettings
from cluster.rpc.settings import RpcSettings

NAME: Final = r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$"
NODE: Final = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"  # becomes part of keys, names and file names
WORKER_PORTS_MIN: Final = 50  # each worker takes one, and one that has just ended may still hold its own
GATEWAYS_MAX: Final = 64  # on a node; each is a process of 100 MB
SHARDS_MAX: Final = 256  # of each kind
STATE: Final = r"^/.{0,33}$"  # a socket's path ends at 107 bytes, and Ray adds some 70
ADDRESS: Final = r"^(local|auto|[^\s:/]+:[0-9]{1,5})$"


class RaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Ray's own processes run on a node. Everything else about Ray is decided in the code, with its reason."""

    address: Annotated[
        str,
        Meta(
            description="HOST:PORT of the head, for `rookery up` and its kin; auto: that of this machine's node, or "
            "what RAY_ADDRESS or a plain `ray start` here names.",
            pattern=ADDRESS,
        ),
    ] = "auto"
    port: Annotated[int, Meta(description="The port of the head's control service.", ge=1024, le=65535)] = 6379
    worker_port_min: Annotated[
        int, Meta(description="The lowest port that Ray's workers listen on (never a client's).", ge=1024, le=65535)
    ] = 20002
    worker_port_max: Annotated[int, Meta(description="The highest such port.", ge=1024, le=65535)] = 20999
    token_file: Annotated[
        str,
        Meta(
            description="The file with the token that every Ray process shows, the same on each node, for its user "
            "only; the head makes it. Empty: `ray-token` in the state directory.",
        ),
    ] = ""
    tls_certificate: Annotated[
        str,
        Meta(
            description="PEM file with this node's certificate, for TLS between Ray's processes: it names the node's "
            "address and 127.0.0.1. Empty: none."
        ),
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file with its private key.")] = ""
    tls_authority: Annotated[str, Meta(description="PEM file with the authority that signed all of them.")] = ""
    gateways: Annotated[
        int, Meta(description="At most so many gateways run on this node; 0: none.", ge=0, le=GATEWAYS_MAX)
    ] = GATEWAYS_MAX
    shards: Annotated[
        int, Meta(description="At most so many shards of each kind run on this node; 0: none.", ge=0, le=SHARDS_MAX)
    ] = SHARDS_MAX
    state: Annotated[
        str,
        Meta(
            description="The directory of Ray's session, its control service's data and the records of processes; at "
            "most 34 letters, since Ray makes sockets in it.",
            pattern=STATE,
        ),
    ] = "/var/lib/rookery/ray"

    def __post_init__(self) -> None:
        if self.worker_port_max - self.worker_port_min < WORKER_PORTS_MIN:
            raise ValueError(f"worker_port_max must be at least worker_port_min + {WORKER_PORTS_MIN}")
        if bool(self.tls_certificate) + bool(self.tls_key) + bool(self.tls_authority) not in (0, 3):
            raise ValueError("tls_certificate, tls_key and tls_authority are given together, or none of them")


class ClusterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cluster that this node is part of (`rookery up`); unused by `rookery alone`."""

    name: Annotated[
        str, Meta(description="Its name: installations that share etcd or Ray differ here.", pattern=NAME)
    ] = "main"
    node: Annotated[
        str,
        Meta(description="This node's name, different on each, the same for ever; empty: the host name.", pattern=NODE),
    ] = ""
    host: Annotated[
        str, Meta(description="The address under which other nodes reach this one; empty: as Ray finds it.")
    ] = ""
    lease_s: Annotated[
        int, Meta(description="How long etcd holds a process for alive that says nothing.", ge=2, le=60)
    ] = 3
    etcd: EtcdSettings = EtcdSettings()
    rpc: RpcSettings = RpcSettings()
    ray: RaySettings = RaySettings()
