"""How far a long command is, told now and then (RFC 9585), so that a client neither gives up nor wonders.

The law: nothing is said of a command that is answered soon; it is said between lines, never inside one.
"""

from typing import Final

from gateway.imap.session import Session
from mail.imap import render
from mail.imap.codes import in_progress_code

EVERY_S: Final = 10.0  # RFC 9585 3: at most every 10 to 15 seconds


class Progress:
    """Of the command that runs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clock = session.services.clock
        self._due = self._clock.monotonic() + EVERY_S
        self.parts: tuple[int, int] | None = None  # so many of so many; then nothing is said of how far each is

    def tell(self, done: int | None = None, goal: int | None = None) -> None:
        """Say it if it is time to: so much of so much is done, or only that something is."""
        done, goal = self.parts or (done, goal)
        now = self._clock.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_S
        code = in_progress_code(self._session.tag, done, goal or None)
        self._session.wire.write(render.untagged_line(b"OK", "Still working", code))
