"""The order of commands, as one table: which are allowed in a state, and where each leads.

A command that is not in the row of the state is refused with 503 and changes nothing (RFC 5321 4.1.4).
"""

from enum import Enum
from typing import NamedTuple


class Role(Enum):
    """Which of the three protocols the machine speaks."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"


class State(Enum):
    """Where a session stands."""

    START = "start"
    """No HELO yet, or none since TLS began."""
    READY = "ready"
    MAIL = "mail"
    """A sender was accepted."""
    RCPT = "rcpt"
    """At least one recipient was accepted."""
    DATA = "data"
    """Between 354 and CRLF.CRLF."""
    CHUNKS = "chunks"
    """After a BDAT that was not the last."""
    FAILED = "failed"
    """A chunk failed: only RSET leads out (RFC 3030 2)."""
    AUTH = "auth"
    """Between a 334 and its answer."""
    TLS = "tls"
    """Between 220 to STARTTLS and the end of the handshake."""


class Move(NamedTuple):
    """Where a positive and a negative reply lead."""

    yes: State
    no: State


END = b"."  # the end of a message, as if it were a command
RESPONSE = b"334"  # the answer to a challenge, as if it were a command


def _always(state: State, reset: State) -> dict[bytes, Move]:
    """Allowed anywhere (RFC 5321 4.1.4); HELO and RSET clear the transaction."""
    row = {verb: Move(state, state) for verb in (b"NOOP", b"HELP", b"VRFY", b"EXPN", b"QUIT")}
    row |= {verb: Move(State.READY, state) for verb in (b"HELO", b"EHLO", b"LHLO")}
    return row | {b"RSET": Move(reset, state)}


TRANSITIONS: dict[State, dict[bytes, Move]] = {
    State.START: _always(State.START, State.START),
    State.READY: _always(State.READY, State.READY)
    | {
        b"MAIL": Move(State.MAIL, State.READY),
        b"AUTH": Move(State.READY, State.READY),
        b"STARTTLS": Move(State.TLS, State.READY),
    },
    State.MAIL: _always(State.MAIL, State.READY) | {b"RCPT": Move(State.RCPT, State.MAIL)},
    State.RCPT: _always(State.RCPT, State.READY)
    | {
        b"RCPT": Move(State.RCPT, State.RCPT),
        b"DATA": Move(State.DATA, State.RCPT),
        b"BDAT": Move(State.CHUNKS, State.FAILED),
        END: Move(State.READY, State.READY),
    },
    State.DATA: {END: Move(State.READY, State.READY)},
    State.CHUNKS: _always(State.CHUNKS, State.READY)
    | {b"BDAT": Move(State.CHUNKS, State.FAILED), END: Move(State.READY, State.READY)},
    State.FAILED: _always(State.FAILED, State.READY),
    State.AUTH: {RESPONSE: Move(State.READY, State.READY)},
    State.TLS: {},
}
