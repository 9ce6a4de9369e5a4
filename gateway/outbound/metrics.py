"""What is counted of mail on its way out."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


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
