"""What is wrong with a report."""


class ReportError(ValueError):
    """It cannot be read; the text says why, in words for whoever looks at it."""
