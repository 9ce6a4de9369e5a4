"""What a filter can do wrong."""


class ProtocolError(ValueError):
    """The filter said what the protocol, or what was agreed on, does not allow; it cannot be talked to any more."""
