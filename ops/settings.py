"""All settings of a server: each part's own, under one roof. `rookery config` prints them.

The law: a setting is declared beside its user; here are only those of the program as a whole.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.directory.client import DirectorySettings
from actors.directory.key_tender import DkimSettings
from actors.greylist.state import GreylistSettings
from actors.mailbox.packing import PackingSettings
from actors.queue.state import QueueSettings
from actors.reputation.state import ReputationSettings
from actors.search.settings import SearchSettings
from actors.throttle.state import ThrottleShardSettings
from actors.trace.client import TraceSettings
from cluster.blobs.settings import S3Settings
from cluster.dns.settings import DnsSettings
from cluster.errors import Misconfigured
from cluster.hosting.settings import ClusterSettings
from cluster.lookup import LookupSettings
from cluster.lookup.lookups import check, check_named
from cluster.meta.settings import FoundationdbSettings, PostgresqlSettings
from cluster.observe.logs import LogSettings
from cluster.rules.choice import choices_in
from gateway.imap.settings import ImapSettings
from gateway.jmap.settings import JmapSettings
from gateway.logins import LoginSettings
from gateway.milter.settings import MilterSettings
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.schedule import ScheduleSettings
from gateway.outbound.settings import OutboundSettings
from gateway.pop3.settings import Pop3Settings
from gateway.push.settings import PushSettings
from gateway.reports.settings import ReportSettings
from gateway.smtp.screening import ScreenSettings
from gateway.smtp.settings import SmtpSettings
from gateway.throttles import ThrottleSettings
from gateway.trust.settings import TrustSettings
from gateway.trust.signing import SigningSettings
from gateway.web.settings import MtaStsSettings, WebSettings
from ops.admin.settings import AdminSettings
from ops.checking import mistakes


class Listener(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One port the server answers on."""

    protocol: Annotated[
        Literal["smtp", "submission", "lmtp", "imap", "pop3", "http", "https"],
        Meta(
            description="smtp: mail from other servers. submission: mail from people, who log in. lmtp: mail from a "
            "relay in front. imap: reading mail. pop3: fetching mail. http: metrics and health. https: JMAP, "
            "the log-in pages of [directory.authorization] and the MTA-STS policy of [mta_sts], with TLS whatever `tls` "
            "says, but for what [web] says of `plaintext`."
        ),
    ]
    host: Annotated[str, Meta(description="The address to listen on; `::` for all, `0.0.0.0` for all of IPv4.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(description="The TCP port.", ge=1, le=65535)]
    tls: Annotated[
        Literal["none", "starttls", "implicit"],
        Meta(description="none: never. starttls: offered. implicit: from the first byte (RFC 8314)."),
    ] = "none"
    proxy_from: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of relays (HAProxy and the like), which must begin each connection with a PROXY "
            "header, version 1 or 2, in front of TLS. The address in it is the client's for limits, checks and logs."
        ),
    ] = ()
    proxy_others: Annotated[
        Literal["refuse", "direct"],
        Meta(description="With proxy_from: connections from elsewhere are refused, or taken as they are."),
    ] = "refuse"


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where mailboxes and the directory are kept."""

    kind: Annotated[
        Literal["lmdb", "sqlite", "postgresql", "foundationdb"],
        Meta(
            description="lmdb: the fast default. sqlite: slower, a format that every tool reads. postgresql, "
            "foundationdb: in a server or cluster across the network, which its own table below names."
        ),
    ] = "lmdb"
    blobs: Annotated[
        Literal["files", "store", "s3"],
        Meta(
            description="Where messages too large for a transaction go: files in the data directory, the store, or an "
            "S3 store, which its own table below names."
        ),
    ] = "files"
    keep_expunged_s: Annotated[
        int, Meta(description="How long an expunged message's bytes are kept before they are removed.", ge=3600)
    ] = 86_400
    sweep_every_s: Annotated[int, Meta(description="How often such messages are looked for.", ge=1)] = 600
    postgresql: PostgresqlSettings = PostgresqlSettings()
    foundationdb: FoundationdbSettings = FoundationdbSettings()
    s3: S3Settings = S3Settings()
    packing: PackingSettings = PackingSettings()


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate for STARTTLS and implicit TLS."""

    certificate: Annotated[
        str, Meta(description="PEM file with the certificate and its chain; empty: a self-signed one is made.")
    ] = ""
    key: Annotated[str, Meta(description="PEM file with its private key.")] = ""


class OutgoingSettings(QueueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Outgoing mail."""

    schedule: ScheduleSettings = ScheduleSettings()
    delivery: DeliverySettings = DeliverySettings()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Rookery server."""

    hostname: Annotated[
        str, Meta(description="The name this server gives itself; other servers must be able to look it up.")
    ] = "localhost"
    data: Annotated[str, Meta(description="The directory that holds everything; made if it is not there.")] = (
        "rookery-data"
    )
    run_as: Annotated[
        str, Meta(description="The user to become once the ports are bound, when started as root; empty: none.")
    ] = ""
    drain_s: Annotated[
        float, Meta(description="How long a stop may take to finish what was promised.", gt=0, le=600)
    ] = 20.0
    listen: Annotated[tuple[Listener, ...], Meta(description="The ports.")] = (
        Listener(protocol="smtp", host="::", port=25, tls="starttls"),
        Listener(protocol="submission", host="::", port=587, tls="starttls"),
        Listener(protocol="submission", host="::", port=465, tls="implicit"),
        Listener(protocol="imap", host="::", port=143, tls="starttls"),
        Listener(protocol="imap", host="::", port=993, tls="implicit"),
        Listener(protocol="pop3", host="::", port=110, tls="starttls"),
        Listener(protocol="pop3", host="::", port=995, tls="implicit"),
        Listener(protocol="https", host="::", port=443, tls="implicit"),
        Listener(protocol="http", port=2080),
    )
    log: LogSettings = LogSettings()
    store: StoreSettings = StoreSettings()
    tls: TlsSettings = TlsSettings()
    directory: DirectorySettings = DirectorySettings()
    dns: DnsSettings = DnsSettings()
    logins: LoginSettings = LoginSettings()
    smtp: SmtpSettings = SmtpSettings()
    throttle: tuple[ThrottleSettings, ...] = ()
    throttling: ThrottleShardSettings = ThrottleShardSettings()
    lookup: dict[str, LookupSettings] = {}
    milter: Annotated[
        tuple[MilterSettings, ...], Meta(description="Filters to ask about mail, in this order.", max_length=20)
    ] = ()
    trust: TrustSettings = TrustSettings()
    screen: ScreenSettings = ScreenSettings()
    web: WebSettings = WebSettings()
    mta_sts: MtaStsSettings = MtaStsSettings()
    imap: ImapSettings = ImapSettings()
    jmap: JmapSettings = JmapSettings()
    search: SearchSettings = SearchSettings()
    pop3: Pop3Settings = Pop3Settings()
    outbound: OutboundSettings = OutboundSettings()
    queue: OutgoingSettings = OutgoingSettings()
    signing: SigningSettings = SigningSettings()
    dkim: DkimSettings = DkimSettings()
    reputation: ReputationSettings = ReputationSettings()
    greylist: GreylistSettings = GreylistSettings()
    reports: ReportSettings = ReportSettings()
    push: PushSettings = PushSettings()
    traces: TraceSettings = TraceSettings()
    admin: AdminSettings = AdminSettings()
    cluster: ClusterSettings = ClusterSettings()

    def __post_init__(self) -> None:
        """What rules name must be there. Raises ValueError, which loading tells with the file's name."""
        named = [(path, choice.tables) for path, choice in choices_in(self)]
        named += [(f"throttle {one.name}: match", one.tables) for one in self.throttle]
        try:
            check(self.lookup)
            check_named(named, self.lookup)
        except Misconfigured as error:
            raise ValueError(error.log.removesuffix(".")) from None
        for mistake in mistakes(self):
            raise ValueError(mistake)
