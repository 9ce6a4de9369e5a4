"""What the shards of these kinds count, each under its kind."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class ShellMetrics:
    """Metrics of one process's shards of all kinds, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter("rookery_shard_calls", "Calls taken.", ["kind"], registry=registry)
        self.refused = Counter("rookery_shard_refused", "Calls that failed, by cause.", ["kind", "cause"],
                               registry=registry)  # fmt: skip
        self.failures = Counter(
            "rookery_shard_failed_batches", "Group commits that failed, by cause.", ["kind", "cause"], registry=registry
        )
        self.loads = Counter("rookery_shard_loads", "Units read from the store.", ["kind"], registry=registry)
        self.corrupt = Counter("rookery_shard_corrupt", "Damaged rows passed over.", ["kind"], registry=registry)
        self.expired = Counter("rookery_shard_expired", "Units that the sweep removed.", ["kind"], registry=registry)
        self.commit_seconds = Histogram(
            "rookery_shard_commit_seconds",
            "Time of a group commit, until durable.",
            ["kind"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self.commit_calls = Histogram(
            "rookery_shard_commit_calls",
            "Calls decided in a group commit.",
            ["kind"],
            buckets=(1, 4, 16, 64, 256, 1024),
            registry=registry,
        )
