"""What the JMAP gateway counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """One set a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "rookery_jmap_calls", "JMAP method calls by their outcome", ["method", "outcome"], registry=registry
        )
        self.seconds = Histogram("rookery_jmap_request_seconds", "Time of JMAP requests", registry=registry)
