"""What a client machine tells its driver, as values."""

from typing import Literal

import msgspec

from mail.smtp.client.envelope import Transaction
from mail.smtp.replies import Reply

How = Literal["delivered", "deferred", "failed"]
Where = Literal["connection", "greeting", "hello", "starttls", "auth", "mail", "rcpt", "data", "end"]


class Settled(msgspec.Struct, frozen=True):
    """What became of a message for one recipient. `delivered` only where a positive answer to all of it was read."""

    how: How
    reply: Reply | None = None
    """The server's own words; None where it said nothing."""
    why: str = ""
    """Ours, where it said nothing, or nothing that can be understood."""
    where: Where = "connection"
    """The command that was answered, or should have been."""
    certain: bool = True
    """Not, where the whole message had left and its answer did not come: it may have been taken."""


class Event(msgspec.Struct, frozen=True):
    """The base of all events."""


class Ready(Event, frozen=True):
    """EHLO, LHLO or HELO is answered: `capabilities` has the offers; STARTTLS, AUTH or a transaction may follow."""


class TlsGo(Event, frozen=True):
    """STARTTLS is agreed to: do the handshake, and call `tls_started()`."""


class TlsRefused(Event, frozen=True):
    """STARTTLS is not possible now."""

    reply: Reply


class Authenticated(Event, frozen=True):
    """We are known."""


class AuthFailed(Event, frozen=True):
    """We are not; `reply` None: we gave up."""

    reply: Reply | None
    why: str = ""


class Finished(Event, frozen=True):
    """A transaction is over: one result for each of its targets, in their order. `again`: nothing of it was settled, as
    the server went away before the message left: another connection may be tried at once."""

    transaction: Transaction
    results: tuple[Settled, ...]
    again: bool = False


class Closed(Event, frozen=True):
    """The connection is of no more use; close it. `reply`: what the server said, if that is why."""

    why: str
    reply: Reply | None = None
    where: Where = "connection"
