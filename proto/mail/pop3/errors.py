"""The one error of this package. What a client got wrong is a value that can be answered, never a crash."""


class Pop3Error(ValueError):
    """A line that is no command. The text may be shown to the client and never holds what it sent."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
