"""How what went wrong is said in POP3: -ERR, with a response code where one fits (RFC 2449 8, RFC 3206).

The law: only here does an error become words for a client.
"""

from cluster.errors import Trouble

TEMPORARY = "SYS/TEMP"  # RFC 3206 4: no need to alarm the user
PERMANENT = "SYS/PERM"  # somebody has to do something
CREDENTIALS = "AUTH"  # RFC 3206 5


class Err(Exception):
    """The command cannot be done: -ERR. `code` is the response code without brackets, or empty."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Mistake(Err):
    """The client must not have asked this, now or ever."""


def as_err(trouble: Trouble) -> Err:
    """What to answer."""
    return Err(trouble.says, TEMPORARY if trouble.retry else PERMANENT)
