"""What is kept of a policy.

The law: every field after the first version has a default.
"""

from typing import Literal

from msgspec import Struct


class Kept(Struct, frozen=True, omit_defaults=True):
    """An MTA-STS policy as it was fetched. `id`: of the record that announced it."""

    id: str
    mode: Literal["enforce", "testing", "none"]
    mx: tuple[str, ...]
    max_age_s: int
    fetched_ms: int

    @property
    def until_ms(self) -> int:
        """It does not hold any more from then on."""
        return self.fetched_ms + 1000 * self.max_age_s
