"""Object identifiers (RFC 8474), the same over IMAP and JMAP (RFC 9698): what a client calls a mailbox, an email and a
thread, whatever their names.

The law: an identifier is never another thing's, and is the same for all who may know of it: it has its account, and
the kinds have letters of their own. It begins with a letter and no two differ by case alone (8.1).
"""

import re
from typing import Final

_ID: Final = re.compile(r"A([0-9a-f]{1,16})_([FET])([0-9a-f]{1,16})")
_ACCOUNT: Final = re.compile(r"A([0-9a-f]{1,16})")
_NUMBER_MAX: Final = 2**63 - 1  # columns of numbers hold no more


def account_id(account: int) -> str:
    """What JMAP calls an account."""
    return f"A{account:x}"


def account_of(identifier: str) -> int | None:
    """The account of that id; None: it cannot be one."""
    found = _ACCOUNT.fullmatch(identifier)
    number = int(found[1], 16) if found else 0
    return number if 0 < number <= _NUMBER_MAX and account_id(number) == identifier else None


def mailbox_id(account: int, number: int) -> str:
    """MAILBOXID of a mailbox of an account."""
    return _id("F", account, number)


def email_id(account: int, email: int) -> str:
    """EMAILID."""
    return _id("E", account, email)


def thread_id(account: int, thread: int) -> str:
    """THREADID."""
    return _id("T", account, thread)


def mailbox_of(identifier: str, account: int) -> int | None:
    """The number of the mailbox with that MAILBOXID in an account; None: none there has it."""
    return _number("F", identifier, account)


def email_of(identifier: str, account: int) -> int | None:
    """The email of that EMAILID in an account; None: none there has it."""
    return _number("E", identifier, account)


def thread_of(identifier: str, account: int) -> int | None:
    """The thread of that THREADID in an account; None: none there has it."""
    return _number("T", identifier, account)


def _id(kind: str, account: int, number: int) -> str:
    return f"A{account:x}_{kind}{number:x}"


def _number(kind: str, identifier: str, account: int) -> int | None:
    found = _ID.fullmatch(identifier)
    if found is None:
        return None
    number = int(found[3], 16)
    return number if number <= _NUMBER_MAX and _id(kind, account, number) == identifier else None
