"""What a mailbox shard counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class ShardMetrics:
    """Metrics of one process's shards, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.activations = Counter("rookery_mailbox_activations", "Accounts read into memory.", registry=registry)
        self.snapshot_failures = Counter(
            "rookery_mailbox_snapshot_failures", "Snapshots that could not be stored.", registry=registry
        )
        self.failures = Counter(
            "rookery_mailbox_failed_batches", "Group commits that failed, by cause.", ["cause"], registry=registry
        )
        self.commit_seconds = Histogram(
            "rookery_mailbox_commit_seconds",
            "Time of a group commit, until durable.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self.commit_writes = Histogram(
            "rookery_mailbox_commit_writes",
            "Keys written by a group commit.",
            buckets=(1, 4, 16, 64, 256, 1024, 4096),
            registry=registry,
        )
