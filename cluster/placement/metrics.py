"""What the controller counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ControllerMetrics:
    """Metrics of one controller, in its process's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leads = Gauge("rookery_controller_leads", "1 while this process leads.", registry=registry)
        self.failovers = Counter(
            "rookery_controller_failovers", "Slots given to others as their shard was gone.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.moves = Counter(
            "rookery_controller_moves", "Slots moved from a living shard, by outcome.", ["kind", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.left = Gauge("rookery_controller_moves_left", "Moves still to do.", ["kind"], registry=registry)
        self.conflicts = Counter(
            "rookery_controller_conflicts", "Changes of the slot map that had to be read again.", registry=registry
        )
