"""The Session object of one who is logged in (RFC 8620 2).

The law: a capability is offered only where its methods work; limits that are told are those that are enforced.
"""

from collections.abc import Mapping
from typing import Any, Final

from actors.mailbox.types import DEPTH_MAX
from gateway.access.ids import account_id
from gateway.jmap import blob_calls
from gateway.jmap.parts import Services
from gateway.jmap.principal_ids import of_user
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
# Those with things of an account.
_OF_ACCOUNTS: Final = frozenset({uri.MAIL, uri.BLOB, uri.QUOTA, uri.PRINCIPALS, uri.SUBMISSION, uri.VACATION, uri.MDN})
COLLATIONS: Final = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")


def capabilities(limits: Limits, *, sends: bool = False, pushes: bool = False) -> dict[str, Mapping[str, Any]]:
    """What is offered to everybody, and may be used: the session tells more of some. `sends`: there is a way out;
    `pushes`: to devices."""
    found: dict[str, Mapping[str, Any]] = {uri.CORE: limits.capability(COLLATIONS), uri.MAIL: {}, uri.WEBSOCKET: {}}
    found |= {uri.BLOB: {}, uri.QUOTA: {}, uri.PRINCIPALS: {}}
    if sends:
        found |= {uri.SUBMISSION: {}, uri.VACATION: {}, uri.MDN: {}}
    if pushes:
        found[vapid.CAPABILITY] = {}
    return found


def offered_by(services: Services) -> dict[str, Mapping[str, Any]]:
    """What these have."""
    return capabilities(services.limits, sends=services.sending is not None, pushes=services.desk is not None)


async def submission_capability(turn: Turn) -> dict[str, Any]:
    """The value of `urn:ietf:params:jmap:submission` for one's own account (RFC 8621 1.3.2)."""
    offered = await turn.sending.submissions.offered(turn.principal, turn.ip)
    return {"maxDelayedSend": offered.offers.hold_s_max, "submissionExtensions": offered.extensions()}


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


async def accounts_of(turn: Turn, *, unwanted: bool = False) -> dict[str, Account]:
    """The accounts that the client reaches, his own first. `unwanted`: also those in which he is subscribed to nothing,
    which are told of with their owners alone (RFC 9670 1.4)."""
    own = turn.own_id
    shown = {**_of_account(turn.limits, own=True), uri.PRINCIPALS: {"currentUserPrincipalId": of_user(turn.account)}}
    if turn.services.sending is not None:
        shown |= {uri.SUBMISSION: await submission_capability(turn), uri.VACATION: {}, uri.MDN: {}}
    accounts = {own: Account(turn.login, personal=True, read_only=False, capabilities=_owned(shown, own, turn.account))}
    for holder, readable, subscribed, writable in await turn.others():
        if readable and (subscribed or unwanted):
            shown = _owned(_of_account(turn.limits, own=False), own, holder.id)
            accounts[account_id(holder.id)] = Account(
                holder.login, personal=False, read_only=not writable, capabilities=shown
            )
    return accounts


async def session_of(turn: Turn, base: str) -> dict[str, Any]:
    """The whole object. `base`: where we are reached, as in `https://mail.example.org`."""
    offered = offered_by(turn.services)
    socket = base.replace("http", "ws", 1) + SOCKET
    offered[uri.WEBSOCKET] = {"url": socket, "supportsPush": True}
    if turn.services.desk is not None:
        offered[vapid.CAPABILITY] = vapid.capability(await turn.services.desk.server_key())
    urls = Urls(
        api=base + API,
        download=f"{base}{DOWNLOAD}?type={{type}}",
        upload=base + UPLOAD,
        event_source=f"{base}{EVENTS}?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
    )
    own, accounts = turn.own_id, await accounts_of(turn)
    return session(turn.login, urls, offered, accounts, {name: own for name in offered if name in _OF_ACCOUNTS})


def _owned(shown: dict[str, Mapping[str, Any]], own: str, owner: int) -> dict[str, Mapping[str, Any]]:
    """With whose the account is (RFC 9670 1.5.2)."""
    return {**shown, uri.PRINCIPALS_OWNER: {"accountIdForPrincipal": own, "principalId": of_user(owner)}}


def _of_account(limits: Limits, *, own: bool) -> dict[str, Mapping[str, Any]]:
    return {uri.MAIL: mail_capability(limits, own=own), uri.BLOB: blob_calls.capability(limits), uri.QUOTA: {}}
