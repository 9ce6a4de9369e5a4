"""What an operator may change about HTTPS, and the MTA-STS policy of our own domains, in words."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mail.trust.mtasts import MAX_AGE_S_MAX, Policy


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Listeners with protocol = "https": who may connect, and how long what may take."""

    plaintext: Annotated[
        bool,
        Meta(
            description="Listeners with tls = none, proxy_from and proxy_others = refuse speak HTTP without TLS: their "
            "relay has it, and is trusted to take nothing without. All other listeners have TLS whatever `tls` says."
        ),
    ] = False
    connections_max: Annotated[int, Meta(ge=1, description="Open connections of this gateway.")] = 20_000
    connections_per_ip_max: Annotated[
        int, Meta(ge=1, description="Open connections from one address; a household's or small office's clients.")
    ] = 200
    header_s: Annotated[float, Meta(gt=0, description="Seconds for the head of a request.")] = 15.0
    body_s: Annotated[
        float, Meta(gt=0, description="Seconds a request's body may stand still, or be slower than body_rate.")
    ] = 30.0
    body_rate: Annotated[int, Meta(ge=1, description="Bytes of a body that must come in a second.")] = 1024
    idle_s: Annotated[float, Meta(gt=0, description="Seconds between two requests of a connection.")] = 120.0
    write_s: Annotated[
        float, Meta(gt=0, description="Seconds a client may leave our answer unread before it is cut off.")
    ] = 60.0
    drain_s: Annotated[float, Meta(ge=0, description="Seconds running requests get to finish when we stop.")] = 10.0
    write_buffer_bytes: Annotated[
        int, Meta(ge=4096, description="Bytes of answers a connection may have unsent before its request waits.")
    ] = 256 * 1024
    memory_bytes_max: Annotated[
        int,
        Meta(
            ge=1024 * 1024,
            description="Bytes of requests, over HTTP and WebSockets, that are held at the same time; who finds no "
            "room waits for it, and one address has half of it at most.",
        ),
    ] = 128 * 1024 * 1024
    origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins (RFC 6454) whose scripts may use the JMAP and OAuth resources, such as "
            "https://webmail.example.org; `*`: any, since nothing here is done for a cookie."
        ),
    ] = ("*",)
    hsts_s: Annotated[
        int,
        Meta(
            ge=0,
            description="Seconds browsers are told never to use this host without TLS (RFC 6797), other ports of it "
            "included; 0: they are told nothing.",
        ),
    ] = 0
    compress: Annotated[bool, Meta(description="Text of over 1 kB is sent as zstd or gzip to who takes it.")] = True
    basic: Annotated[bool, Meta(description="Take names and passwords (RFC 7617), besides tokens.")] = True
    basic_remembered_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Seconds a client that has logged in is not counted as logging in again with each request; "
            "whether its password is still right, the directory says each time.",
        ),
    ] = 120.0
    login_failure_delay_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds an answer to a wrong password is held back, longer with each ([logins] pause_s_max).",
        ),
    ] = 2.0
    websocket_bytes_max: Annotated[
        int, Meta(ge=1024, le=100_000_000, description="Bytes of a message over a WebSocket, unpacked.")
    ] = 10_000_000
    ping_s: Annotated[float, Meta(gt=0, description="Seconds of silence before a WebSocket is asked for life.")] = 60.0
    pong_s: Annotated[float, Meta(gt=0, description="Seconds it has to answer.")] = 30.0
    log_requests: Annotated[
        Literal["none", "failed", "all"],
        Meta(description="Requests that get a line in the log. failed: those answered with 400 and above."),
    ] = "failed"


class MtaStsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The MTA-STS policy (RFC 8461) that a listener with protocol = "https" serves for all our domains, at
    https://mta-sts.DOMAIN/.well-known/mta-sts.txt. Each needs that name in the DNS and in the certificate, and a TXT
    record at _mta-sts.DOMAIN, which `rookery domain dns` prints."""

    mode: Annotated[
        Literal["off", "none", "testing", "enforce"],
        Meta(description="off: no policy is served. none: it is taken back (serve this for max_age_s before off). "
             "testing: senders only report what would fail. enforce: they do not deliver then."),
    ] = "off"  # fmt: skip
    mx: Annotated[
        tuple[str, ...],
        Meta(description="The names that our domains' MX records have; `*.` stands for one label. Empty: hostname."),
    ] = ()
    max_age_s: Annotated[
        int, Meta(description="How long senders keep it: weeks, once all works.", ge=86_400, le=MAX_AGE_S_MAX)
    ] = 604_800

    def policy(self, hostname: str) -> Policy | None:
        """The policy, if there is one."""
        if self.mode == "off":
            return None
        return Policy(self.mode, tuple(host.lower() for host in self.mx) or (hostname.lower(),), self.max_age_s)
