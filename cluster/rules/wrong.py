"""A rule that cannot be used: where, why, and what to write instead.

The law: only what compiles rules raises it, and whoever loads settings makes Misconfigured of it.
"""


class WrongRule(ValueError):
    """What is wrong with the text of a rule, and at which of its characters (from 0)."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why
