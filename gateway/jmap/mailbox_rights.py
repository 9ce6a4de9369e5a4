"""MailboxRights (RFC 8621 2, RFC 9670 4), and the letters of RFC 4314 that they stand for.

The law: a right is told where all of its letters are there. Giving and taking rights changes no letter that no changed
right stands for; whoever is given any may look the mailbox up, and who is left without any has no letter left.
"""

from collections.abc import Mapping
from typing import Final

from actors.mailbox import rights
from actors.mailbox.types import INBOX, Acl
from gateway.jmap import principal_ids
from mail.jmap.errors import invalid_properties

SHARE: Final = "mayShare"  # for who uses RFC 9670
LETTERS: Final[Mapping[str, str]] = {
    "mayReadItems": rights.READ,
    "mayAddItems": rights.INSERT,
    "mayRemoveItems": rights.DELETE + rights.EXPUNGE,
    "maySetSeen": rights.SEEN_,
    "maySetKeywords": rights.WRITE,
    "mayCreateChild": rights.MAKE,
    "mayRename": rights.REMOVE,
    "mayDelete": rights.REMOVE,
    "maySubmit": rights.POST,
    SHARE: rights.ADMINISTER,
}
Given = Mapping[str, Mapping[str, bool]]


def told(letters: str) -> dict[str, bool]:
    """All of MailboxRights."""
    return {name: all(letter in letters for letter in needed) for name, needed in LETTERS.items()}


def mine(letters: str, name: str, *, shares: bool) -> dict[str, bool]:
    """The rights of who asks for a mailbox of that name. INBOX is nobody's to rename or delete (RFC 3501 6.3.4), nor is
    a right to do so told of it."""
    found = told(letters)
    if name == INBOX:
        found["mayRename"] = found["mayDelete"] = False
    if not shares:
        del found[SHARE]
    return found


def share_with(acl: Acl) -> dict[str, dict[str, bool]]:
    """Whom a mailbox is shared with, and how."""
    return {
        principal: told(letters)
        for identifier, letters in acl
        if (principal := principal_ids.of_identifier(identifier)) is not None
    }


def letters_after(letters: str, wanted: Mapping[str, bool]) -> str:
    """What somebody has who had these letters and is to have these rights. Raises SetError."""
    had = told(letters)
    if had == wanted:
        return letters
    if wanted["mayRename"] is not wanted["mayDelete"]:
        raise invalid_properties({"shareWith": "mayRename and mayDelete are one right here"})
    after = set(letters)
    for name, needed in LETTERS.items():
        if had[name] is not wanted[name]:
            (after.update if wanted[name] else after.difference_update)(needed)
    if not any(wanted.values()):
        return ""
    return rights.ordered(after | {rights.LOOKUP})
