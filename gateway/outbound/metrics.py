"""Counters of outgoing mail, made once against a registry; a label never holds what a peer sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Attempts by what became of them, connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.recipients = Counter(
            "rookery_outbound_recipients", "Recipients of attempts, by outcome and cause", ["outcome", "cause"],
            registry=registry,
        )  # fmt: skip
        self.bytes = Counter("rookery_outbound_message_bytes", "Bytes of delivered messages", registry=registry)
        self.sessions = Counter(
            "rookery_outbound_tls_sessions", "TLS sessions by outcome", ["outcome"], registry=registry
        )
        self.open = Gauge("rookery_outbound_connections_open", "Connections open now", registry=registry)
        self.delivered = self.recipients.labels("delivered", "")


class OutboundMetrics:
    """Metrics of one process's deliverer, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "rookery_outbound_results",
            "Recipients for whom an attempt ended so, by outcome and cause.",
            ["outcome", "cause"],
            registry=registry,
        )
        self.postponed = Counter(
            "rookery_outbound_postponed", "Messages that wait longer, untried, by cause.", ["cause"], registry=registry
        )
        self.notices = Counter(
            "rookery_outbound_notices", "Notices that senders were sent, by kind.", ["kind"], registry=registry
        )
        self.under_way = Gauge("rookery_outbound_under_way", "Messages being delivered.", registry=registry)
        self.ready = Gauge("rookery_outbound_ready", "Messages that wait for their turn here.", registry=registry)
        self.attempt_seconds = Histogram(
            "rookery_outbound_attempt_seconds",
            "Time of an attempt.",
            buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600),
            registry=registry,
        )
        self.age_seconds = Histogram(
            "rookery_outbound_age_seconds",
            "How long a message was in the queue when its last recipient was served or given up.",
            buckets=(0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86_400, 5 * 86_400),
            registry=registry,
        )
