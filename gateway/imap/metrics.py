"""What the IMAP gateway counts for Prometheus. Labels have few values: never a user, address or mailbox."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("rookery_imap_connections", "Open IMAP connections", registry=registry)
        self.refused = Counter(
            "rookery_imap_connections_refused", "Connections refused by a limit", ["reason"], registry=registry
        )
        self.logins = Counter("rookery_imap_logins", "Login attempts", ["outcome"], registry=registry)
        self.commands = Counter(
            "rookery_imap_commands", "Commands answered, by name and answer", ["command", "answer"], registry=registry
        )
        self.seconds = Histogram(
            "rookery_imap_command_seconds",
            "Time from a command to its answer",
            ["command"],
            registry=registry,
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
        )
        self.messages = Counter("rookery_imap_messages_fetched", "Messages FETCH answered for", registry=registry)
        self.bytes_out = Counter("rookery_imap_sent_bytes", "Bytes sent to clients", registry=registry)
