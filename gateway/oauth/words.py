"""What people read: scopes and troubles in words that need no knowledge of protocols."""

import datetime as dt
from collections.abc import Collection
from typing import Final

from actors.directory import scopes

SERVICES: Final = {
    "imap": "Mail programs: read, move and delete (IMAP)",
    "smtp": "Mail programs: send mail (SMTP)",
    "pop3": "Mail programs: fetch mail (POP3)",
    "jmap": "Newer mail programs: read, change and send (JMAP)",
    "sieve": "Change mail filters (ManageSieve)",
}
_ALLOWED: Final = {
    "imap": "Read, move and delete your mail",
    "smtp": "Send mail in your name",
    "pop3": "Fetch and delete your mail",
    "jmap": "Read, change, send and delete your mail",
    "sieve": "Change your mail filters",
}

WRONG_PASSWORD: Final = "The address or the password is wrong."  # noqa: S105 (it is none)
WRONG_CODE: Final = "This code is wrong, or was used already. Wait for the next one and try again."
NOT_ANY_MORE: Final = "You are not signed in any more. Please start again."
TOO_OLD: Final = "This page was open for too long, or cookies are blocked. Please start again."
LATER: Final = "This does not work at the moment. Please try again in a few minutes."


def allowed(granted: Collection[str], *, stays: bool = False) -> list[str]:
    """What a program may do with these scopes. `stays`: it gets refresh tokens, whatever they say."""
    said = [_ALLOWED[name] for name in scopes.services(granted)]
    if scopes.MAIL in granted:
        said = [_ALLOWED["jmap"], _ALLOWED["sieve"]]
    if stays or scopes.OFFLINE in granted:
        said.append("Stay signed in until you end it")
    return said


def day(at_ms: int) -> str:
    """A day, in a form that reads the same everywhere."""
    if not at_ms:
        return "never"
    return f"{dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC):%Y-%m-%d}"
