"""What is wrong with a request about Emails, in the words of RFC 8620 3.6.2 and 5.3 and RFC 8621 4.6.

The law: each says whose fault it is in one sentence and names what it is about; nothing else leaves this package.
"""


class InvalidArguments(ValueError):
    """The method call is answered with an `invalidArguments` error."""

    def __init__(self, argument: str, description: str) -> None:
        super().__init__(description)
        self.argument = argument
        self.description = description


class Refused(ValueError):
    """An object is not created. `type`, `properties` and `not_found` are the SetError's."""

    def __init__(
        self, type_: str, description: str, properties: tuple[str, ...] = (), not_found: tuple[str, ...] = ()
    ) -> None:
        super().__init__(description)
        self.type = type_
        self.description = description
        self.properties = properties
        self.not_found = not_found
