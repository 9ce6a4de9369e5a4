"""What is noted of a message.

The law: a fact is noted once and never changes. All of it is encodable by msgspec; every field after the first version
has a default. No fact holds a password, a token or text of a body.
"""

from typing import Any, Final

from msgspec import Struct

ADDRESSES_MAX: Final = 100  # of a note, those by which it can be found
FACTS_MAX: Final = 200  # of a note


class Fact(Struct, frozen=True, omit_defaults=True):
    """One thing that was seen or decided: `what` in a word (connection, tls, auth, spf, dkim, dmarc, arc, iprev, rule,
    milter, stored, queued, attempt, answer, ...), `how` it came out in a word, and the particulars as JSON values."""

    what: str
    how: str = ""
    at_ms: int = 0
    of: dict[str, Any] = {}


class Note(Struct, frozen=True, omit_defaults=True):
    """What one part of the server has to say of a message. `ident`: what we call the message since its intake
    (`0a1b2c3d4e5f.1`), the same in all its notes; `step` tells notes of one message apart: `intake`, or a queue id and
    the number of the attempt: a note made again under the same ident and step is the same note."""

    ident: str
    step: str
    at_ms: int
    message_id: str = ""  # of the header, without <>
    sender: str = ""
    recipients: tuple[str, ...] = ()
    queue_ids: tuple[bytes, ...] = ()
    how: str = ""  # in a word: accepted, refused, deferred, delivered, failed, ...
    facts: tuple[Fact, ...] = ()
    began_ms: int = 0  # when the message came, where that is known: the same in all its notes
