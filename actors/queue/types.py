"""What others may say to a queue shard, and what they hear.

The law: all of it is encodable by msgspec; every field after the first version has a default. Every command is safe to
carry out twice.
"""

from typing import Final, Literal

from msgspec import Struct

INLINE_BYTES_MAX: Final = 64 * 1024  # packed; larger bodies are in Blobs before they are queued
RECIPIENTS_MAX: Final = 100  # of one entry; more are several entries
ADDRESS_BYTES_MAX: Final = 320  # RFC 5321: 64 and 255 and the @
RECIPIENTS_BYTES_MAX: Final = 20_000  # of addresses and ORCPTs together
DOMAIN_BYTES_MAX: Final = 253
IDEM_BYTES_MAX: Final = 64
SAID_BYTES_MAX: Final = 500  # of a remote server's words, what is kept
DUE_MAX: Final = 50  # entries lent by one call
PAGE_MAX: Final = 200  # entries looked at by one List, Alter or Tally
LEASE_S_MAX: Final = 3600
NORMAL: Final = 1  # the lane of timers of mail of usual priority
URGENT: Final = 2  # of priorities above 0 (RFC 6710)
BULK: Final = 3  # and of those below
BUSY_MAX: Final = 1000  # destinations passed over by one Due
PLACE_BYTES_MAX: Final = 24  # a place among the timers: 8 of time, 16 of id

Status = Literal["waiting", "lent", "delivered", "failed", "cancelled"]
Outcome = Literal["delivered", "deferred", "failed"]
Body = Literal["7BIT", "8BITMIME", "BINARYMIME"]
What = Literal[
    "queued", "lent", "delivered", "deferred", "failed", "held", "released", "cancelled", "postponed", "told",
    "retried", "rerouted", "expires", "prioritised", "recalled",
]  # fmt: skip
Wish = Literal["hold", "release", "cancel", "retry", "reroute", "expire", "prioritise", "recall"]
Kind = Literal["failure", "delay", "success", "relayed"]  # of a notice (RFC 3461 6)


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
    ready_ms: int = 0  # from when on it might go, where it was to wait first; 0: from when it was queued
    ident: str = ""  # what traces call the message
    taken_ms: int = 0  # and when it came
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
    it spoke, else ours with `code` 0. `relayed`: delivered to a server that does not offer DSN. `stored`: it is where
    it was to be, and nobody else will say so."""

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
    stored: bool = False


class Told(Struct, frozen=True, array_like=True):
    """One result, and the recipients (indices) that had it; `at_ms`: when, as the shard keeps it."""

    result: Result
    recipients: tuple[int, ...]
    at_ms: int = 0


class Owed(Struct, frozen=True, omit_defaults=True):
    """A notice that the sender is to get about recipients (indices)."""

    kind: Kind
    recipients: tuple[int, ...]


class Step(Struct, frozen=True, omit_defaults=True):
    """One event in an entry's history. `until_ms`: due, end of the lease, or when it is forgotten. `told`: how an
    attempt ended, for each recipient of it. `owed`: the notices that follow from it; of "told": which is sent."""

    what: What
    at_ms: int
    until_ms: int = 0
    attempt: int = 0
    said: str = ""
    told: tuple[Told, ...] = ()
    owed: tuple[Owed, ...] = ()
    value: int = 0  # the priority, or the time of expiry, that an operator set


class Fate(Struct, frozen=True, omit_defaults=True):
    """What is known of one recipient: the last result, when it was, and whether the sender heard of the delay."""

    result: Result | None = None
    at_ms: int = 0
    delayed: bool = False

    @property
    def final(self) -> bool:
        """Whether nothing is to be tried for it any more."""
        return self.result is not None and self.result.outcome != "deferred"


class Enqueue(Struct, frozen=True, tag="enqueue"):
    """Keep a message until it is delivered. `idem` (1 to 64 bytes) makes a retry harmless: once, whatever it holds."""

    mail: Envelope
    idem: bytes
    due_ms: int = 0  # 0: now
    packed: bytes | None = None  # the body by cluster.blobs.codec.pack; None: it is durable in Blobs already
    hold: str = ""  # who wants it held from the start; empty: nobody


class Queued(Struct, frozen=True):
    """It is kept. `again`: it was before."""

    id: bytes
    again: bool = False


class Due(Struct, frozen=True, tag="due"):
    """Lend entries of the slot that are due, by the shard's clock, of one lane (actors/queue/entry.py). What is not
    reported in time is lent again. `after`: a place in the lane to begin behind. `busy`: destinations to pass over."""

    limit: int
    lease_s: int
    lane: int = 1
    after: bytes = b""
    busy: tuple[str, ...] = ()


class Work(Struct, frozen=True):
    """An entry lent. `attempt` counts from 1 and names the lease; `tries`: attempts made before this one. `fates`: of
    each recipient. `owed`: notices that were not told of yet: with `only_owed` there is nothing else to do."""

    id: bytes
    attempt: int
    lease_ms: int  # when the lease ends
    mail: Envelope
    tries: int = 0
    fates: tuple[Fate, ...] = ()
    owed: tuple[Owed, ...] = ()
    only_owed: bool = False
    route: str = ""  # an operator's: in place of the domain's own
    target: str = ""  # the same: a destination in place of the domain
    expires_ms: int = 0  # the same: in place of what the schedule says
    forced: bool = False  # an operator wants it tried now, whatever is known of the destination

    @property
    def destination(self) -> str:
        """Where it goes, as far as limits and back-off are concerned."""
        return f"route {self.route}" if self.route else self.target or self.mail.domain


class Passed(Struct, frozen=True):
    """The first entry for a busy destination that was passed over: its place in the lane."""

    domain: str
    place: bytes


class Lent(Struct, frozen=True):
    """What was due. `after`: there may be more behind this place of the lane; empty: there is not."""

    work: tuple[Work, ...] = ()
    passed: tuple[Passed, ...] = ()
    after: bytes = b""


class Report(Struct, frozen=True, tag="report"):
    """How an attempt ended for each of some recipients; `until_ms`: when those deferred are due; `owed`: notices that
    the sender gets, of which the shard keeps what its own decision leaves of them. `tried` False: nobody was asked,
    the entry only waits longer, without results as it was."""

    id: bytes
    attempt: int
    told: tuple[Told, ...] = ()
    until_ms: int = 0
    owed: tuple[Owed, ...] = ()
    tried: bool = True


class Notified(Struct, frozen=True, tag="notified"):
    """A notice is durable elsewhere; it is not owed any more."""

    id: bytes
    owed: Owed


class Change(Struct, frozen=True, tag="change"):
    """An operator's wish for an entry; `by`: who. `route`, `target`: of reroute (both empty: the domain's own again).
    `value`: the time of expiry (ms; 0: by the schedule again), or the priority."""

    id: bytes
    what: Wish
    by: str = ""
    route: str = ""
    target: str = ""
    value: int = 0


class Read(Struct, frozen=True, tag="read"):
    """Tell all of an entry."""

    id: bytes


class Filter(Struct, frozen=True, omit_defaults=True):
    """Which entries are meant; what is empty means any. Addresses without regard to case: a whole one, or `@domain`;
    `<>` is the null sender. `domain`: that of the envelope, also where an operator sent it elsewhere. `status`:
    Shown.word; `pending` is all that has not ended."""

    sender: str = ""
    recipient: str = ""
    domain: str = ""
    status: str = ""
    before_ms: int = 0  # queued before this time


class List(Struct, frozen=True, tag="list"):
    """Tell of the slot's entries after one, in the order of ids, looking at so many. `domain`, `status`: what an older
    process asks by."""

    limit: int
    after: bytes = b""
    domain: str = ""
    status: str = ""
    which: Filter = Filter()


class Alter(Struct, frozen=True, tag="alter"):
    """A wish for all entries of a page of the slot that a filter means and that have not ended."""

    limit: int
    wish: Change  # its `id` means nothing
    after: bytes = b""
    which: Filter = Filter()


class Tally(Struct, frozen=True, tag="tally"):
    """Count a page of the slot by destination: what has not ended."""

    limit: int
    after: bytes = b""
    which: Filter = Filter()


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
    tries: int = 0
    fates: tuple[Fate, ...] = ()
    owed: tuple[Owed, ...] = ()
    route: str = ""
    target: str = ""
    expires_ms: int = 0
    priority: int = 0
    forced: bool = False

    @property
    def word(self) -> str:
        """What it is, in a word for people: its status, `held`, or `scheduled` where it was to wait from the start."""
        if self.status != "waiting":
            return self.status
        if self.held:
            return "held"
        scheduled = not self.attempts and not self.forced and self.due_ms > self.mail.queued_ms
        return "scheduled" if scheduled else "waiting"


class Listed(Struct, frozen=True):
    """Entries; `after`: to go on from, empty when there are no more in the slot."""

    entries: tuple[Shown, ...]
    after: bytes = b""


class Altered(Struct, frozen=True):
    """How many entries were looked at, meant and changed; `after`: as in Listed."""

    seen: int
    meant: int
    changed: int
    after: bytes = b""


class Count(Struct, frozen=True):
    """Of one destination: entries that wait, and of these those held and lent; recipients not yet served; the oldest's
    and the next one's time; and why one that was tried waits."""

    domain: str
    entries: int = 0
    held: int = 0
    lent: int = 0
    recipients: int = 0
    oldest_ms: int = 0
    due_ms: int = 0
    why: str = ""
    why_ms: int = 0


class Tallied(Struct, frozen=True):
    """Counts; `after`: as in Listed."""

    counts: tuple[Count, ...]
    after: bytes = b""


Asked = Enqueue | Due | Report | Notified | Change | Read | List | Alter | Tally
