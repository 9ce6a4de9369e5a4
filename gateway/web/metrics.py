"""What HTTPS counts for Prometheus. Labels have few values: a route's name, never a path, user or address."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WebMetrics:
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("rookery_web_connections", "Open HTTPS connections", registry=registry)
        self.refused = Counter(
            "rookery_web_connections_refused", "Connections refused by a limit", ["reason"], registry=registry
        )
        self.streams = Gauge("rookery_web_streams", "Open event streams and WebSockets", ["kind"], registry=registry)
        self.requests = Counter(
            "rookery_web_requests", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "rookery_web_request_seconds",
            "Time from a request's head to the end of its answer; streams are left out",
            ["route"],
            registry=registry,
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
        )
        self.bytes_in = Counter("rookery_web_received_bytes", "Bytes received, TLS aside", registry=registry)
        self.bytes_out = Counter("rookery_web_sent_bytes", "Bytes of bodies sent", registry=registry)
        self.logins = Counter("rookery_web_logins", "Credentials looked at", ["outcome"], registry=registry)
