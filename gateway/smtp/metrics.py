"""Counters of the SMTP gateway, made once against a registry; a label never holds what a peer sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """All counters; labels name the listener and the outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Counter(
            "rookery_smtp_connections", "Connections by what became of them", ["listener", "outcome"], registry=registry
        )
        self.open = Gauge("rookery_smtp_connections_open", "Connections open now", ["listener"], registry=registry)
        self.messages = Counter(
            "rookery_smtp_messages", "Messages by outcome", ["listener", "outcome"], registry=registry
        )
        self.bytes = Counter(
            "rookery_smtp_message_bytes", "Bytes of accepted messages", ["listener"], registry=registry
        )
        self.recipients = Counter(
            "rookery_smtp_recipients", "Recipients by outcome", ["listener", "outcome"], registry=registry
        )
        self.authentications = Counter(
            "rookery_smtp_authentications", "Authentications by outcome", ["listener", "outcome"], registry=registry
        )
        self.rejected = Counter(
            "rookery_smtp_rejected_commands", "Commands refused as such", ["listener"], registry=registry
        )


class ListenerMetrics:
    """The children for one listener, looked up once: a lookup costs more than the count."""

    def __init__(self, metrics: Metrics, listener: str) -> None:
        self.taken = metrics.connections.labels(listener, "taken")
        self.turned_away = metrics.connections.labels(listener, "turned_away")
        self.open = metrics.open.labels(listener)
        self.accepted = metrics.messages.labels(listener, "accepted")
        self.deferred = metrics.messages.labels(listener, "deferred")
        self.refused = metrics.messages.labels(listener, "refused")
        self.bytes = metrics.bytes.labels(listener)
        self.recipients_taken = metrics.recipients.labels(listener, "accepted")
        self.recipients_refused = metrics.recipients.labels(listener, "refused")
        self.logins = metrics.authentications.labels(listener, "accepted")
        self.logins_held_off = metrics.authentications.labels(listener, "held off")
        self.login_failures = metrics.authentications.labels(listener, "refused")
        self.rejected = metrics.rejected.labels(listener)
