"""What clients call principals (RFC 9670 2), and access control lists the same (RFC 4314).

The law: one to one. A principal is a user, a group, or everybody; entries that take rights away are of none.
"""

import base64
import binascii
import re
from typing import Final

from actors.mailbox.rights import ANYONE, of_account, of_group

EVERYBODY: Final = "Anyone"
_USER: Final = of_account(0)[:-1]
_GROUP: Final = of_group("")
_ACCOUNT_ID: Final = re.compile(r"P([0-9a-f]{1,16})")
_GROUP_ID: Final = re.compile(r"G([A-Za-z0-9_-]{0,254})")


def of_user(account: int) -> str:
    """A user."""
    return f"P{account:x}"


def of_address(address: str) -> str | None:
    """A group; None: its address is longer than an id can be."""
    name = "G" + base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
    return name if len(name) <= 255 else None


def of_identifier(identifier: str) -> str | None:
    """Whom an entry of an access control list is of; None: it takes rights away."""
    if identifier == ANYONE:
        return EVERYBODY
    if identifier.startswith(_USER):
        return of_user(int(identifier.removeprefix(_USER), 16))
    return of_address(identifier.removeprefix(_GROUP)) if identifier.startswith(_GROUP) else None


def account_of(principal: str) -> int | None:
    """The account of a user; None: it is none."""
    found = _ACCOUNT_ID.fullmatch(principal)
    number = int(found[1], 16) if found else 0
    return number if number and of_user(number) == principal else None


def address_of(principal: str) -> str | None:
    """The address of a group; None: it is none."""
    found = _GROUP_ID.fullmatch(principal)
    if found is None:
        return None
    text: str = found[1]
    try:
        address = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return address if of_address(address) == principal else None


def identifier_of(principal: str) -> str | None:
    """How access control lists call it; None: it cannot be one."""
    if principal == EVERYBODY:
        return ANYONE
    if (account := account_of(principal)) is not None:
        return of_account(account)
    address = address_of(principal)
    return of_group(address) if address is not None else None
