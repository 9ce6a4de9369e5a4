"""What an app password or a token may be used for: services of this server, and the names that clients ask by.

The law: a service that is not named is not covered, and the empty name never is.

`urn:ietf:params:oauth:scope:mail` is what the profile for mail programs has for all of them at once
(draft-ietf-mailmaint-oauth-public); `offline_access` asks for a token that outlives the hour (OpenID Connect Core 11).
"""

from collections.abc import Collection, Iterable
from typing import Final

SERVICES: Final = ("imap", "smtp", "pop3", "jmap", "sieve")
MAIL: Final = "urn:ietf:params:oauth:scope:mail"
OFFLINE: Final = "offline_access"
KNOWN: Final = (*SERVICES, MAIL, OFFLINE)
SCOPE_CHARS_MAX: Final = 1000  # of what a client asks for


def covers(scopes: Collection[str], service: str) -> bool:
    """Whether these scopes let somebody use a service."""
    return service in SERVICES and (service in scopes or MAIL in scopes)


def asked(text: str) -> tuple[str, ...]:
    """Of what a client asks for what is known here, each once, in one order; unknown names are left out, as RFC 6749
    3.3 allows."""
    words = frozenset(text.split(" ")) if len(text) <= SCOPE_CHARS_MAX else frozenset()
    return tuple(name for name in KNOWN if name in words)


def services(scopes: Iterable[str]) -> tuple[str, ...]:
    """The services that scopes cover."""
    named = frozenset(scopes)
    return tuple(name for name in SERVICES if covers(named, name))
