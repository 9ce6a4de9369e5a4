"""Conditional requests by entity tags (RFC 9110 §13).

The law: If-Match is looked at first and by the strong comparison, If-None-Match by the weak one; dates are not looked
at, as nothing here is told apart by them.
"""

from gateway.web.answers import Answer, HttpError
from gateway.web.exchange import Exchange
from gateway.web.fields import opaque, tags


def unchanged(exchange: Exchange, tag: str) -> Answer | None:
    """The answer where the client has what `tag` (with its quotes) names; None: go on. Raises HttpError (412)."""
    if wanted := exchange.header("if-match"):
        strong = tag in tags(wanted) and not tag.startswith("W/")
        if not strong and not (wanted.strip() == "*" and tag):
            raise HttpError(412)
    held = exchange.header("if-none-match")
    if not held:
        return None
    if held.strip() != "*" and opaque(tag) not in map(opaque, tags(held)):
        return None
    if exchange.method not in ("GET", "HEAD"):
        raise HttpError(412)
    return Answer(304, headers=(("ETag", tag),))
