"""Mail of the queue whose destination is ours: stored instead of sent.

The law: who gets it is looked up when the mail is due, not when it was queued. A message is stored once in an account,
however often its entry is lent: its name is the key.
"""

from collections.abc import Awaitable
from typing import Any, Final, Protocol

from actors.directory.types import Local, NotLocal, Resolution, Unknown
from actors.queue.types import Envelope, Recipient, Result
from cluster.errors import NotFound, OverQuota, Refused, TooLarge, Trouble
from gateway.outbound.courier import Courier

HERE: Final = "local"  # what traces call us as the remote server


class Directory(Protocol):
    """Who is who."""

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        """Who gets mail for an address; `loosely`: perhaps as of half a second ago. Raises Unavailable."""
        ...


class Mailboxes(Protocol):
    """Where messages are stored."""

    def prepare(self, raw: bytes) -> Awaitable[Any]:
        """Parse, hash and pack once. Raises Trouble."""
        ...

    def deliver(self, account: int, prepared: Any, *, idem: bytes) -> Awaitable[object]:
        """Store; durable on return; the same `idem` again does nothing. Raises Trouble."""
        ...


class Onward(Protocol):
    """How a message goes on to other servers, when an address of ours leads there."""

    def forward(self, mail: Envelope, recipient: Recipient, addresses: tuple[str, ...], body: bytes) -> Awaitable[None]:
        """Queue it for these addresses; durable on return; the same again does nothing. Raises Trouble."""
        ...


class Hearing(Protocol):
    """Who is told of what was stored."""

    async def delivered(
        self, sender: str, recipients: list[str], message: bytes, ident: str, *, require_tls: bool = False
    ) -> None:
        """A message is in the mailboxes of these recipients. Raises nothing."""
        ...


class Locally:
    """A courier that keeps what is ours, and hands all else to another."""

    def __init__(
        self,
        directory: Directory,
        mailboxes: Mailboxes,
        onward: Onward,
        remote: Courier,
        hearing: Hearing | None = None,
    ) -> None:
        self._hearing = hearing
        self._directory = directory
        self._mailboxes = mailboxes
        self._onward = onward
        self._remote = remote

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        """As Courier has it."""
        if route:
            return await self._remote.send(mail, recipients, body, route=route, retry=retry, cause=cause, forced=forced)
        found: list[Resolution | Trouble] = [
            await self._resolve(mail.recipients[number].address) for number in recipients
        ]
        if any(isinstance(one, NotLocal) for one in found):  # a domain is ours or not, for all of them
            return await self._remote.send(mail, recipients, body, retry=retry, cause=cause, forced=forced)
        try:
            prepared = await self._mailboxes.prepare(f"Return-Path: <{mail.sender}>\r\n".encode() + body)
        except Trouble as trouble:
            return (_failed(trouble),) * len(recipients)
        results = []
        for number, one in zip(recipients, found, strict=True):
            results.append(await self._store(mail, mail.recipients[number], one, prepared, body))
        return tuple(results)

    async def _resolve(self, address: str) -> Resolution | Trouble:
        try:
            return await self._directory.resolve(address, loosely=True)
        except Trouble as trouble:
            return trouble

    async def _store(
        self, mail: Envelope, recipient: Recipient, found: Resolution | Trouble, prepared: Any, body: bytes
    ) -> Result:
        match found:
            case Local():
                pass
            case Unknown(reason=reason):
                return Result("failed", 550, "5.1.1", f"No such user here: {reason}", HERE, cause="bad-mailbox")
            case Trouble():
                return _failed(found)
            case _:
                raise AssertionError("not ours")
        troubles = []  # of one, who does not keep it from the others
        for target in found.targets:
            try:
                await self._mailboxes.deliver(target.account, prepared, idem=f"{mail.ident}/q".encode())
            except Trouble as trouble:
                troubles.append(_failed(trouble))
        if found.elsewhere:
            try:
                await self._onward.forward(mail, recipient, found.elsewhere, body)
            except Trouble as trouble:
                troubles.append(_failed(trouble))
        if troubles:
            return min(troubles, key=lambda one: one.outcome)  # deferred, where any is
        if self._hearing is not None and mail.sender and found.targets:
            await self._hearing.delivered(
                mail.sender, [recipient.address], body, mail.ident, require_tls=mail.require_tls
            )
        return Result("delivered", 250, "2.0.0", "stored", HERE, stored=bool(found.targets))


def _failed(trouble: Trouble) -> Result:
    match trouble:
        case OverQuota():
            return Result("deferred", 452, "4.2.2", "Mailbox is over its quota", HERE, cause="mailbox-full")
        case NotFound():
            return Result("failed", 550, "5.1.1", "No such mailbox", HERE, cause="bad-mailbox")
        case TooLarge():
            return Result("failed", 552, "5.3.4", "The message is too large to be kept", HERE, cause="too-large")
        case Refused():
            return Result("failed", 550, "5.7.1", trouble.says, HERE, cause="policy")
        case _:
            return Result("deferred", 451, "4.3.0", "The mailbox cannot be reached now", HERE, cause="unreachable")
