"""What the IMAP gateway counts for Prometheus, beside what all mail access counts."""

from prometheus_client import CollectorRegistry, Counter

from gateway.access.metrics import AccessMetrics


class Metrics(AccessMetrics):
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, "IMAP")
        self.messages = Counter("rookery_imap_messages_fetched", "Messages FETCH answered for", registry=registry)
