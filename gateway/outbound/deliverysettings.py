"""How much is delivered at once, and how long an attempt may take."""

from typing import Annotated, Final

from msgspec import Meta, Struct

MARGIN_S: Final = 120  # of a lease, for the report


class DeliverySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How outgoing mail is sent. Numbers are those of one queue shard: shards deliver by themselves, and mail for one
    destination is spread over up to eight of them."""

    in_flight_max: Annotated[int, Meta(description="Messages being sent at once.", ge=1, le=10_000)] = 200
    in_flight_bytes_max: Annotated[
        int,
        Meta(
            description="Bytes of the messages being sent at once: above them none is begun. In memory they take up to "
            "three times as much.",
            ge=1024 * 1024,
        ),
    ] = 256 * 1024 * 1024
    per_destination_max: Annotated[
        int, Meta(description="Messages being sent to one destination at once.", ge=1, le=1000)
    ] = 20
    per_destination_first: Annotated[
        int,
        Meta(
            description="So many at once to a destination that nothing is known of; one more after each success, down "
            "to this after a failure.",
            ge=1,
            le=1000,
        ),
    ] = 5
    attempt_max_s: Annotated[
        int,
        Meta(
            description="After so many seconds an attempt is cut off. What a process had under way when it died is "
            "tried again after this time and wait_max_s.",
            ge=10,
            le=2400,
        ),
    ] = 900
    wait_max_s: Annotated[
        int,
        Meta(description="How long a message may wait for its turn once it was taken from the queue.", ge=1, le=900),
    ] = 120
    backoff_first_s: Annotated[
        int, Meta(description="A destination that does not answer is left alone for so long at first.", ge=1, le=3600)
    ] = 60
    backoff_max_s: Annotated[int, Meta(description="And doubling, for so long at most.", ge=1, le=86_400)] = 3600
    look_every_s: Annotated[
        int,
        Meta(
            description="How often a shard looks for work that nobody told it of: what another left behind.",
            ge=1,
            le=3600,
        ),
    ] = 60

    @property
    def lease_s(self) -> int:
        """How long an entry is borrowed for: longer than it may wait and the longest attempt take."""
        return self.wait_max_s + self.attempt_max_s + MARGIN_S
