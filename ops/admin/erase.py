"""Removing all mail of an account that is about to go.

The law: it can be interrupted and begun again at any point.
"""

from typing import Final

from actors.mailbox.client import MailboxClient
from actors.mailbox.types import DELETED, INBOX, Ranges
from cluster.errors import NotFound

_ALL: Final[Ranges] = ((1, 2**32 - 1),)


async def erase(mailboxes: MailboxClient, account: int) -> None:
    """Empty INBOX, which cannot be removed, and remove every other mailbox."""
    for box in (await mailboxes.tree(account)).mailboxes:
        if box.name == INBOX:
            await _empty(mailboxes, account)
            continue
        try:
            await mailboxes.delete(account, box.name)
        except NotFound:  # somebody else was faster
            continue


async def _empty(mailboxes: MailboxClient, account: int) -> None:
    selected = await mailboxes.select(account, INBOX, read_only=False, changed=lambda: None)
    try:
        await selected.set_flags(_ALL, "add", DELETED)
        await selected.expunge()
    finally:
        await selected.close()
