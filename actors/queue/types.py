"""What others may say to a queue shard, and what they hear.

The law: all of it is encodable by msgspec; every field after the first version has a default. Every command is safe to
carry out twice.
"""

from typing import Final, Literal

from msgspec import Struct

INLINE_BYTES_MAX: Final = 64 * 1024  # packed; larger bodies are in Blobs before they are queued
RECIPIENTS_MAX: Final = 100  # of one entry; more are several entries
ADDRESS_BYTES_MAX: Final = 320  # RFC 5321: 64 and 255 and the @
RECIPIENTS_BYTES_MAX: Final = 20_000
DOMAIN_BYTES_MAX: Final = 253
IDEM_BYTES_MAX: Final = 64
SAID_BYTES_MAX: Final = 500  # of a remote server's words, what is kept
DUE_MAX: Final = 50  # entries lent by one call
PAGE_MAX: Final = 200  # entries looked at by one List
LEASE_S_MAX: Final = 3600

Status = Literal["waiting", "lent", "delivered", "failed", "cancelled"]
Outcome = Literal["delivered", "deferred", "failed"]
Body = Literal["7BIT", "8BITMIME", "BINARYMIME"]
What = Literal["queued", "lent", "delivered", "deferred", "failed", "held", "released", "cancelled"]


class Recipient(Struct, frozen=True, omit_defaults=True):
    """Somebody at the destination. `notify`: NEVER, or of SUCCESS, FAILURE, DELAY; empty: not given (RFC 3461 4.1).
    `orcpt`: `type;address`, decoded (RFC 3461 4.2)."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""


class Envelope(Struct, frozen=True, omit_defaults=True):
    """What never changes of an entry. `inline`: the body is in the store, else in Blobs under its digest, where it was
    put at `stored_ms` or later: then the putting began."""

    domain: str  # the destination, lower case, A-labels
    sender: str  # empty: the null reverse-path
    recipients: tuple[Recipient, ...]
    digest: bytes  # of cluster.blobs.blobs.digest_of
    size: int  # bytes of the message, unpacked
    inline: bool = False
    queued_ms: int = 0
    stored_ms: int = 0
    ident: str = ""  # what traces call the message
    message_id: str = ""  # of its header, without <>
    account: int = 0  # who submitted it; 0: nobody of ours
    body: Body = "7BIT"  # BODY= (RFC 6152, RFC 3030)
    smtputf8: bool = False  # RFC 6531
    ret: Literal["", "FULL", "HDRS"] = ""  # RFC 3461 4.3
    envid: str = ""  # RFC 3461 4.4, decoded
    require_tls: bool = False  # RFC 8689
    tls_optional: bool = False  # the header says TLS-Required: No (RFC 8689 5)
    priority: int = 0  # RFC 6710: -9 to 9
    by_ms: int = 0  # RFC 2852: when it should be there; 0: whenever
    by_mode: Literal["", "N", "R"] = ""  # then notify, or return
    by_trace: bool = False


class Result(Struct, frozen=True, omit_defaults=True):
    """How an attempt ended for one recipient: `code`, `status` (RFC 3463) and `said` are the remote server's own where
    it spoke, else ours with `code` 0. `relayed`: delivered to a server that does not offer DSN."""

    outcome: Outcome
    code: int = 0
    status: str = ""
    said: str = ""
    host: str = ""  # the remote server's name, and its address
    ip: str = ""
    tls: str = ""  # version and cipher; empty: in the clear
    proof: Literal["", "dane", "sts", "pkix"] = ""  # how its certificate was proven
    relayed: bool = False
    cause: str = ""  # in a word, for counting and rules: gateway/outbound/bounces.py names them


class Step(Struct, frozen=True, omit_defaults=True):
    """One event in an entry's history. `until_ms`: due, end of the lease, or when it is forgotten."""

    what: What
    at_ms: int
    until_ms: int = 0
    attempt: int = 0
    said: str = ""


class Enqueue(Struct, frozen=True, tag="enqueue"):
    """Keep a message until it is delivered. `idem` (1 to 64 bytes) makes a retry harmless: once, whatever it holds."""

    mail: Envelope
    idem: bytes
    due_ms: int = 0  # 0: now
    packed: bytes | None = None  # the body by cluster.blobs.codec.pack; None: it is durable in Blobs already


class Queued(Struct, frozen=True):
    """It is kept. `again`: it was before."""

    id: bytes
    again: bool = False


class Due(Struct, frozen=True, tag="due"):
    """Lend entries of the slot that are due, by the shard's clock. What is not reported in time is lent again."""

    limit: int
    lease_s: int


class Work(Struct, frozen=True):
    """An entry lent. `attempt` counts from 1 and names the lease."""

    id: bytes
    attempt: int
    lease_ms: int  # when the lease ends
    mail: Envelope


class Lent(Struct, frozen=True):
    """What was due."""

    work: tuple[Work, ...] = ()


class Report(Struct, frozen=True, tag="report"):
    """How an attempt ended; `until_ms`: when the next is due, for `deferred`."""

    id: bytes
    attempt: int
    outcome: Outcome
    until_ms: int = 0
    said: str = ""


class Change(Struct, frozen=True, tag="change"):
    """An operator's wish for an entry; `by`: who."""

    id: bytes
    what: Literal["hold", "release", "cancel"]
    by: str = ""


class Read(Struct, frozen=True, tag="read"):
    """Tell all of an entry."""

    id: bytes


class List(Struct, frozen=True, tag="list"):
    """Tell of the slot's entries after one, in the order of ids, looking at so many; empty texts: any."""

    limit: int
    after: bytes = b""
    domain: str = ""
    status: str = ""


class Shown(Struct, frozen=True):
    """An entry as it is now; `steps`: only where it was read by itself. `forgotten`: steps that are not kept."""

    id: bytes
    mail: Envelope
    status: Status
    held: bool
    due_ms: int
    attempts: int
    steps: tuple[Step, ...] = ()
    forgotten: int = 0


class Listed(Struct, frozen=True):
    """Entries; `after`: to go on from, empty when there are no more in the slot."""

    entries: tuple[Shown, ...]
    after: bytes = b""


Asked = Enqueue | Due | Report | Change | Read | List
