"""What the POP3 gateway counts for Prometheus, beside what all mail access counts."""

from prometheus_client import CollectorRegistry, Counter

from gateway.access.metrics import AccessMetrics


class Metrics(AccessMetrics):
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, "POP3")
        self.retrieved = Counter("rookery_pop3_messages_retrieved", "Messages RETR answered with", registry=registry)
        self.removed = Counter("rookery_pop3_messages_removed", "Messages QUIT removed", registry=registry)
