"""What a gateway of mail access counts for Prometheus. Labels have few values: never a user, address or mailbox."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class AccessMetrics:
    """One set per protocol and registry; a protocol adds its own."""

    def __init__(self, registry: CollectorRegistry, protocol: str) -> None:
        """`protocol`: as people write it, IMAP say."""
        prefix = f"rookery_{protocol.lower()}"
        self.connections = Gauge(f"{prefix}_connections", f"Open {protocol} connections", registry=registry)
        self.refused = Counter(
            f"{prefix}_connections_refused", "Connections refused by a limit", ["reason"], registry=registry
        )
        self.logins = Counter(f"{prefix}_logins", "Login attempts", ["outcome"], registry=registry)
        self.commands = Counter(
            f"{prefix}_commands", "Commands answered, by name and answer", ["command", "answer"], registry=registry
        )
        self.seconds = Histogram(
            f"{prefix}_command_seconds",
            "Time from a command to its answer",
            ["command"],
            registry=registry,
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
        )
        self.bytes_out = Counter(f"{prefix}_sent_bytes", "Bytes sent to clients", registry=registry)
