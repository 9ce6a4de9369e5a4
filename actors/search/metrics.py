"""What keeping indexes counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class SearchMetrics:
    """Metrics of one process's indexer, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter("rookery_search_indexed_messages", "Messages added to indexes.", registry=registry)
        self.segments = Counter("rookery_search_segments", "Segments made of new messages.", registry=registry)
        self.merges = Counter("rookery_search_merges", "Segments made of others.", registry=registry)
        self.merged = Counter("rookery_search_merged_messages", "Messages written again by that.", registry=registry)
        self.dropped = Counter("rookery_search_dropped_messages", "Messages left out of it: gone.", registry=registry)
        self.failures = Counter("rookery_search_failures", "Work given up, by cause.", ["cause"], registry=registry)
        self.accounts = Gauge("rookery_search_accounts", "Accounts whose index is kept up here.", registry=registry)
        self.waiting = Gauge("rookery_search_waiting_accounts", "Accounts with mail to index.", registry=registry)
        self.lag_seconds = Histogram(
            "rookery_search_lag_seconds",
            "From when new mail was noticed until all of the account's mail was indexed.",
            buckets=(1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
            registry=registry,
        )
