"""Counters of outgoing mail, made once against a registry; a label never holds what a peer sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge


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
