"""The table of mechanisms by name."""

from collections.abc import Sequence

from mail.sasl.bearer import OAuthBearer, XOAuth2
from mail.sasl.passwords import Login, Plain
from mail.sasl.scram import Binding, Scram
from mail.sasl.steps import Exchange

MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
"""Strongest first."""
CLEAR_PASSWORD = frozenset({"OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"})
"""Those that send the password itself, or a token that is as good, and so need TLS."""
BOUND = frozenset({"SCRAM-SHA-256-PLUS"})
"""Those that need a connection that can be bound."""
TOKENS = frozenset({"OAUTHBEARER", "XOAUTH2"})
"""Those that need somebody who knows tokens."""


def offered(*, tls: bool, bound: bool = False, tokens: bool = False, clear: bool = False) -> tuple[str, ...]:
    """What to offer on a connection, strongest first.

    `bound`: there are bindings. `tokens`: tokens can be verified. `clear`: passwords are taken without TLS too.
    """
    out = frozenset() if tls or clear else CLEAR_PASSWORD
    out |= frozenset() if tls and bound else BOUND
    out |= frozenset() if tokens else TOKENS
    return tuple(name for name in MECHANISMS if name not in out)


def begin(
    name: str,
    *,
    nonce: str,
    secret: bytes,
    iterations: int = 15_000,
    bindings: Sequence[Binding] = (),
    scope: str = "",
    configuration: str = "",
) -> Exchange:
    """A new exchange. Raises KeyError for a name that is none of ours.

    `nonce`: fresh, printable, no comma, 18 random bytes in base64 will do. `secret`: the server's own, 16 bytes or
    more, the same over restarts. `iterations`: what accounts have by default (RFC 7677 4 names 15,000).
    `bindings`: what the connection can be bound by; where there are any, -PLUS is offered too. `scope`: of tokens, and
    `configuration`: where a client reads how to get one, told to whoever has none that serves.
    """
    match name:
        case "PLAIN":
            return Plain()
        case "LOGIN":
            return Login()
        case "OAUTHBEARER":
            return OAuthBearer(scope, configuration)
        case "XOAUTH2":
            return XOAuth2(scope)
        case "SCRAM-SHA-256":
            return Scram(nonce=nonce, secret=secret, iterations=iterations, plus_offered=bool(bindings))
        case "SCRAM-SHA-256-PLUS" if bindings:
            return Scram(nonce=nonce, secret=secret, iterations=iterations, bindings=bindings)
        case _:
            raise KeyError(name)
