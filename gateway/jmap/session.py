"""The Session object of one who is logged in (RFC 8620 2).

The law: a capability is offered only where its methods work; limits that are told are those that are enforced.
"""

from collections.abc import Mapping
from typing import Any, Final

from actors.mailbox.types import DEPTH_MAX
from gateway.access.ids import account_id
from gateway.jmap.turn import Turn
from mail.jmap import capabilities as uri
from mail.jmap.limits import Limits
from mail.jmap.session import Account, Urls, session
from mail.jmap.sorting import SORTS
from mail.webpush import vapid

API: Final = "/jmap/api"
UPLOAD: Final = "/jmap/upload/{accountId}"
DOWNLOAD: Final = "/jmap/download/{accountId}/{blobId}/{name}"
EVENTS: Final = "/jmap/eventsource"
SOCKET: Final = "/jmap/ws"
_OF_ACCOUNTS: Final = frozenset({uri.MAIL})  # capabilities with things of an account
COLLATIONS: Final = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")


def capabilities(limits: Limits) -> dict[str, Mapping[str, Any]]:
    """What is offered to everybody."""
    return {uri.CORE: limits.capability(COLLATIONS), uri.MAIL: {}, uri.WEBSOCKET: {}}


def mail_capability(limits: Limits, *, own: bool) -> dict[str, Any]:
    """The value of `urn:ietf:params:jmap:mail` for an account (RFC 8621 1.3.1)."""
    return {
        "maxMailboxesPerEmail": limits.objects_set_max,
        "maxMailboxDepth": DEPTH_MAX,
        "maxSizeMailboxName": limits.mailbox_name_max_bytes,
        "maxSizeAttachmentsPerEmail": limits.size_upload_max_bytes,
        "emailQuerySortOptions": list(SORTS["Email"]),
        "mayCreateTopLevelMailbox": own,
    }


async def session_of(turn: Turn, base: str) -> dict[str, Any]:
    """The whole object. `base`: where we are reached, as in `https://mail.example.org`."""
    limits = turn.limits
    accounts = {
        account_id(turn.account): Account(
            turn.login, personal=True, read_only=False, capabilities={uri.MAIL: mail_capability(limits, own=True)}
        )
    }
    for holder, readable in await turn.others():
        if readable:
            shown = {uri.MAIL: mail_capability(limits, own=False)}
            accounts[account_id(holder.id)] = Account(holder.login, personal=False, read_only=False, capabilities=shown)
    offered = capabilities(limits)
    socket = base.replace("http", "ws", 1) + SOCKET
    offered[uri.WEBSOCKET] = {"url": socket, "supportsPush": True}
    if turn.services.desk is not None:
        offered[vapid.CAPABILITY] = vapid.capability(await turn.services.desk.server_key())
    own = account_id(turn.account)
    urls = Urls(
        api=base + API,
        download=f"{base}{DOWNLOAD}?type={{type}}",
        upload=base + UPLOAD,
        event_source=f"{base}{EVENTS}?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
    )
    return session(turn.login, urls, offered, accounts, {name: own for name in offered if name in _OF_ACCOUNTS})
