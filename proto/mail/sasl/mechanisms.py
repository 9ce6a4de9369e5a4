"""The table of mechanisms by name."""

from mail.sasl.passwords import Login, Plain
from mail.sasl.scram import Binding, Scram
from mail.sasl.steps import Exchange

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
"""Strongest first; SCRAM-SHA-256-PLUS too where the connection can be bound."""
CLEAR_PASSWORD = frozenset({"PLAIN", "LOGIN"})
"""Those that send the password itself, and so need TLS."""


def begin(
    name: str, *, nonce: str, secret: bytes, iterations: int = 15_000, binding: Binding | None = None
) -> Exchange:
    """A new exchange. Raises KeyError for a name that is none of ours.

    `nonce`: fresh, printable, no comma, 18 random bytes in base64 will do. `secret`: the server's own, 16 bytes or
    more, the same over restarts. `iterations`: what accounts have by default (RFC 7677 4 names 15,000).
    `binding`: given, -PLUS is offered too.
    """
    match name:
        case "PLAIN":
            return Plain()
        case "LOGIN":
            return Login()
        case "SCRAM-SHA-256":
            return Scram(nonce=nonce, secret=secret, iterations=iterations, plus_offered=binding is not None)
        case "SCRAM-SHA-256-PLUS" if binding is not None:
            return Scram(nonce=nonce, secret=secret, iterations=iterations, binding=binding)
        case _:
            raise KeyError(name)
