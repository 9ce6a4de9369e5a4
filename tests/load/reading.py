"""What is found over IMAP after a restart, held against the ledger.

The law: only what IMAP shows counts, and every message is read byte for byte when it is first found; `all_bytes` reads
everything again.
"""

from collections.abc import Sequence

from tests.load.clients import LOGINS, MAILBOXES
from tests.load.ledger import Box, Broken, Ledger, Sent
from tests.load.messages import is_whole, token_of
from tests.load.wire import Address, Imap, logged_in
from tests.running import PASSWORD

_ROW = "(UID FLAGS RFC822.SIZE)"
_ALL = "(UID FLAGS RFC822.SIZE BODY.PEEK[])"


async def verify(
    address: Address, ledger: Ledger, *, logins: Sequence[str] = LOGINS, all_bytes: bool = False
) -> list[Sent]:
    """Every mailbox against the ledger. Raises Broken. What was not acknowledged and is not there."""
    for login in logins:
        async with logged_in(address, login, PASSWORD) as imap:
            for mailbox in MAILBOXES:
                await _verify(imap, ledger, ledger.box((login, mailbox)), all_bytes=all_bytes)
    return ledger.round_is_over()


async def _verify(imap: Imap, ledger: Ledger, box: Box, *, all_bytes: bool) -> None:
    opened = await imap.done(f"EXAMINE {box.place[1]}")
    uidnext = opened.number(rb"\[UIDNEXT (\d+)\]")
    box.opened(opened.number(rb"\[UIDVALIDITY (\d+)\]"), uidnext)
    new = []
    if opened.number(rb"\* (\d+) EXISTS"):
        listed = await imap.done(f"UID FETCH 1:* {_ROW}")
        new = box.listed(listed.rows())
    else:
        box.listed([])
    if new:
        await _read(imap, ledger, box)
    if len(new) > uidnext - box.uidnext:
        raise Broken(f"{box.place}: more messages came than UIDs were given")
    box.uidnext = uidnext
    if all_bytes and box.known:
        await _read_again(imap, box)


async def _read(imap: Imap, ledger: Ledger, box: Box) -> None:
    """The messages that came since the last round."""
    answer = await imap.done(f"UID FETCH {box.uidnext}:* {_ALL}")
    for row, content in answer.bodies():
        if row.uid in box.known:  # n:* is the last message when n is above it
            continue
        sent = ledger.found(row, token_of(content), box.place)
        _check(box, sent, row.uid, row.size, content)


async def _read_again(imap: Imap, box: Box) -> None:
    answer = await imap.done(f"UID FETCH 1:* {_ALL}")
    bodies = answer.bodies()
    if {row.uid for row, _content in bodies} != box.known.keys():
        raise Broken(f"{box.place}: two FETCHes of all messages differ")
    for row, content in bodies:
        _check(box, box.known[row.uid].sent, row.uid, row.size, content)


def _check(box: Box, sent: Sent, uid: int, size: int, content: bytes) -> None:
    if len(content) != size or not is_whole(content, sent.token, traced=sent.traced):
        raise Broken(f"{box.place}: UID {uid} is not {sent.token} as it was sent, but {content[:500]!r}")
