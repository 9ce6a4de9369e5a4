"""What browsers let scripts of other origins do with our resources (the Fetch standard §3.3; origins are RFC 6454's).

The law: credentials that a browser would add by itself (cookies, certificates) are never asked for, so that a script
can do nothing that it has no token or password for.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from cluster.errors import Misconfigured
from gateway.web.answers import Answer, Headers

ANY: Final = "*"
PREFLIGHT_S: Final = 86_400
ALLOWED: Final = (
    "Authorization, Content-Type, Content-Encoding, Accept, Last-Event-ID, Cache-Control, If-Match, If-None-Match, "
    "If-Range, Range, X-Requested-With"
)
EXPOSED: Final = (
    "WWW-Authenticate, Retry-After, ETag, Content-Range, Accept-Ranges, Content-Disposition, Content-Length, Location"
)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class Origins:
    """Whose scripts may."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Raises Misconfigured."""
        self._some = frozenset(text.lower() for text in texts)
        for text in self._some:
            if text != ANY and not _ORIGIN.fullmatch(text):
                raise Misconfigured(f"{text!r} is no origin; write one such as https://webmail.example.org.")
        self._any: Headers = (("Access-Control-Allow-Origin", ANY), ("Access-Control-Expose-Headers", EXPOSED))

    def headers(self, origin: str) -> Headers:
        """Of every answer to a request that has this Origin."""
        if ANY in self._some:
            return self._any if origin else ()
        if origin.lower() not in self._some:
            return (("Vary", "Origin"),)
        return (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED),
            ("Vary", "Origin"),
        )

    def preflight(self, methods: Collection[str]) -> Answer:
        """What a browser that asks beforehand is told besides."""
        headers = (
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", ALLOWED),
            ("Access-Control-Max-Age", str(PREFLIGHT_S)),
        )
        return Answer(204, headers=headers)
