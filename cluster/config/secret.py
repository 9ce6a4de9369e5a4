"""A text that must not be seen: a password or key in the settings.

The law: only `reveal` gives the text; printing, logging or formatting the object never does.
"""

import hmac


class Secret:
    """A hidden text. Empty counts as absent (`bool(secret)` is False)."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; call it only where it is used."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)
