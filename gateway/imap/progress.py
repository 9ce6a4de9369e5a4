"""How far a command is that takes long: `* OK [INPROGRESS ("tag" done goal)]` (RFC 9585).

The law: it is said only between two responses, of the command that runs, and at most once in PROGRESS_S; `done` never
goes back. A handler sets `goal` and `done` (or neither, and the client hears only that it goes on); who sweeps over the
connections says it, so that no command pays for it.
"""

from typing import Final

from mail.imap.codes import in_progress_code
from mail.imap.render import untagged_line

PROGRESS_S: Final = 10.0  # short enough for clients and NATs that give up a silent connection, and no burden


class Progress:
    """One session's."""

    __slots__ = ("_due", "between", "done", "goal", "tag")

    def __init__(self) -> None:
        self.tag = b""  # of the command that runs; empty: none does
        self.done = 0
        self.goal = 0  # what `done` will be in the end; 0: not known
        self.between = True  # no response is begun that is not whole yet
        self._due = 0.0

    def begin(self, tag: bytes, now: float) -> None:
        """A command runs from now (monotonic seconds) on."""
        self.tag = tag
        self.done = self.goal = 0
        self.between = True
        self._due = now + PROGRESS_S

    def end(self) -> None:
        """It is answered."""
        self.tag = b""

    def line(self, now: float) -> bytes:
        """What is to be said now; nothing, mostly."""
        if not self.tag or not self.between or now < self._due:
            return b""
        self._due = now + PROGRESS_S
        counts = (self.done, max(self.goal, self.done)) if self.goal else (None, None)
        return untagged_line(b"OK", "Still working", in_progress_code(self.tag, *counts))
