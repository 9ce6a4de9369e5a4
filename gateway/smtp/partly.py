"""Messages that some of their recipients have and others do not yet.

SMTP has one answer for all recipients, so such a message is answered 4xx, and the peer sends it again, whole. The law:
who has it does not get it again, and nobody else is taken for them: a relay may split one message by recipients, and
there may be more of them the next time. This memory is bounded, and gone with the process: then a second copy is what
RFC 5321 6.1 prefers to loss. A message that everybody got is never remembered, so nobody's second sending of the same
words is dropped.
"""

import hashlib
from collections import OrderedDict
from typing import Final

from gateway.smtp.routing import Who

MESSAGES_MAX: Final = 10_000  # remembered: an hour's failures of a busy server, 2 MB
HOLDERS_MAX: Final = 100_000  # of all of them: 10 MB, 40 MB where all addresses are of the longest


class Partly:
    """What is known of unfinished messages, shared by the connections of a gateway."""

    def __init__(self) -> None:
        self._have: OrderedDict[bytes, frozenset[Who]] = OrderedDict()
        self._holders = 0

    def key(self, sender: str, body: bytes) -> bytes:
        """The same for the same message sent again; empty while nothing is remembered and nothing needs it."""
        return _key(sender, body) if self._have else b""

    def have(self, key: bytes) -> frozenset[Who]:
        """Who has the message already."""
        return self._have.get(key, frozenset())

    def finished(self, key: bytes) -> None:
        """All have it."""
        self._holders -= len(self._have.pop(key, ()))

    def unfinished(self, sender: str, body: bytes, have: frozenset[Who]) -> None:
        """These have it, others do not."""
        key = _key(sender, body)
        self.finished(key)
        self._have[key] = have
        self._holders += len(have)
        while len(self._have) > MESSAGES_MAX or self._holders > HOLDERS_MAX:
            _key_of, forgotten = self._have.popitem(last=False)
            self._holders -= len(forgotten)


def _key(sender: str, body: bytes) -> bytes:
    digest = hashlib.sha256(sender.encode() + b"\0")
    digest.update(body)
    return digest.digest()
