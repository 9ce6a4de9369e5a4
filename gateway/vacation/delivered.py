"""Hears of what was delivered, and has it answered for who is away.

The law: nothing here changes what the sender's server hears, and nothing is answered that went into Junk. What an
account wants is known for KEPT_MS, so that most deliveries ask nothing.
"""

from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

from actors.directory.types import Local, Resolution
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.smtp.aftermath import Answered
from gateway.smtp.parts import Log
from gateway.smtp.trace import head_of
from gateway.vacation.record import KIND, SINGLETON, Vacation, decode
from gateway.vacation.responder import Delivered, Objects, Responder
from mail.vacation.build import Wish

KEPT_MS: Final = 15_000
KEPT_MAX: Final = 20_000  # accounts
ACCOUNTS_MAX: Final = 100  # of one message


class Directory(Protocol):
    """DirectoryClient."""

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        """Who gets mail for an address."""
        ...

    async def addresses_of(self, account: int) -> tuple[str, ...]:
        """All addresses of an account."""
        ...


class _Reached(NamedTuple):
    """An account's address that a message came to, by which recipient, and what subaddress that has."""

    address: str
    recipient: str
    detail: str


class Vacations:
    """Implements After."""

    def __init__(self, objects: Objects, directory: Directory, responder: Responder, clock: Clock, log: Log) -> None:
        self._objects = objects
        self._directory = directory
        self._responder = responder
        self._clock = clock
        self._log = log
        self._kept: OrderedDict[int, tuple[int, Vacation]] = OrderedDict()

    async def answered(self, what: Answered) -> None:
        """Of After. Raises nothing."""
        if what.reply.code >= 300 or what.junk or not what.mail.sender:
            return
        recipients = [rcpt.recipient for rcpt in what.here]
        await self.delivered(what.mail.sender, recipients, what.message, what.ident, require_tls=what.mail.require_tls)

    async def delivered(
        self, sender: str, recipients: list[str], message: bytes, ident: str, *, require_tls: bool = False
    ) -> None:
        """A message is in the mailboxes of these recipients. Raises nothing."""
        for account, reached in (await self._accounts(recipients, ident)).items():
            try:
                wish = await self._wish(account)
                if wish is None:
                    continue
                own = tuple(await self._directory.addresses_of(account))
                author = reached.address if reached.address in own or not own else own[0]
                about = Delivered(sender, author, _named(own, reached), head_of(message), ident, require_tls)
                await self._responder.respond(account, wish, about)
            except Trouble as trouble:
                self._log.warning("vacation.unanswered", id=ident, account=account, why=trouble.log)

    async def _accounts(self, recipients: list[str], ident: str) -> dict[int, _Reached]:
        """Whom it has reached, by account."""
        found: dict[int, _Reached] = {}
        for recipient in recipients:
            try:
                resolved = await self._directory.resolve(recipient, loosely=True)
            except Trouble as trouble:
                self._log.warning("vacation.unanswered", id=ident, why=trouble.log)
                continue
            if isinstance(resolved, Local):
                for target in resolved.targets:
                    found.setdefault(target.account, _Reached(target.address, recipient, resolved.detail))
            if len(found) >= ACCOUNTS_MAX:
                break
        return found

    async def _wish(self, account: int) -> Wish | None:
        now_ms = self._clock.now_ms()
        kept = self._kept.get(account)
        if kept is None or not kept[0] <= now_ms < kept[0] + KEPT_MS:
            kept = (now_ms, decode(await self._objects.object(account, KIND, SINGLETON)))
            self._kept[account] = kept
            self._kept.move_to_end(account)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        vacation = kept[1]
        return Wish(vacation.subject, vacation.text, vacation.html) if vacation.is_on(now_ms) else None


def _named(own: tuple[str, ...], reached: _Reached) -> tuple[str, ...]:
    """The addresses of which a message has to name one: the person's own, and the recipient where that is one of them
    with a subaddress (RFC 5230 4.5); that of a list is none of its members'."""
    local, _, domain = reached.recipient.lower().rpartition("@")
    detail = reached.detail.lower()
    for base, _, of in (address.lower().rpartition("@") for address in own if detail):
        between = local.removeprefix(base).removesuffix(detail)
        if of == domain and f"{base}{between}{detail}" == local and between and not any(map(str.isalnum, between)):
            return (*own, reached.recipient)
    return own
