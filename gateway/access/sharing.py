"""Changing who may do what with a mailbox, over any protocol; and the notices of it that the others get (RFC 9670 3).

The law: rights are the mailbox's owner's shard's to give; a notice follows what was done, for each user whose rights
have become other ones by it and who has not done it himself, and its absence undoes nothing. What somebody has of
notices is bounded: the oldest go first.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from actors.mailbox.rights import changed, of_account, of_group, rights_of
from actors.mailbox.types import Acl, Looked, Who
from cluster.clock import Clock, Dice
from cluster.errors import Corrupt, Trouble
from gateway.access.parts import Log
from gateway.access.whom import Groups, who_is

KIND: Final = "ShareNotification"
NOTICES_MAX: Final = 200  # of one user
TOLD_MAX: Final = 100  # users who are told of one change, of a group's rights
VERSION: Final = 1
_DICE_BYTES: Final = 4
_TIME_END: Final = 13  # of an id: a letter and 12 digits
_USER: Final = of_account(0)[:-1]
_GROUP: Final = of_group("")
_NEGATIVE: Final = "-"

AclMode = Literal["replace", "add", "remove"]

_encode: Final = msgspec.msgpack.Encoder().encode


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of one. `by`: the account that changed the rights, and its login then; `account`, `mailbox`: what
    they are of, and its name; rights are letters (actors/mailbox/rights.py)."""

    version: int
    at_ms: int
    by: int
    login: str
    account: int
    mailbox: int
    name: str
    before: str
    after: str


_decoder: Final = msgspec.msgpack.Decoder(Notice)


class Mail(Protocol):
    """What is needed of the mailboxes."""

    async def look(self, account: int, name: str, who: Who | None = None) -> Looked:
        """One mailbox."""
        ...

    async def set_acl(
        self,
        account: int,
        name: str,
        identifier: str,
        rights: str,
        mode: AclMode = "replace",
        *,
        who: Who | None = None,
    ) -> None:
        """Say what an identifier may do with it."""
        ...

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of an account's objects of a kind."""
        ...

    async def put_objects(
        self, account: int, changes: Sequence[tuple[str, str, bytes | None]], *, since: int | None = None
    ) -> int:
        """Write objects, or remove them."""
        ...


class People(Groups, Protocol):
    """What is needed of the directory."""

    async def accounts_of_group(self, address: str) -> Sequence[int]:
        """The accounts that are in a group."""
        ...


class Services(Protocol):
    """What a gateway has."""

    @property
    def mail(self) -> Mail:
        """Mailboxes."""
        ...

    @property
    def directory(self) -> People:
        """People."""
        ...

    @property
    def clock(self) -> Clock:
        """Time."""
        ...

    @property
    def dice(self) -> Dice:
        """Chance."""
        ...

    @property
    def log(self) -> Log:
        """Where events go."""
        ...


class By(NamedTuple):
    """Who changes rights."""

    account: int
    login: str


class Place(NamedTuple):
    """A mailbox, and with whose eyes it is seen."""

    account: int
    name: str
    who: Who | None


async def give(services: Services, by: By, where: Place, identifier: str, rights: str, mode: AclMode) -> None:
    """Say what an identifier (actors/mailbox/rights.py) may do with a mailbox, and tell whom it concerns. Raises what
    MailboxClient.set_acl does."""
    before = (await services.mail.look(where.account, where.name, where.who)).info
    await services.mail.set_acl(where.account, where.name, identifier, rights, mode, who=where.who)
    after = changed(before.acl, identifier, rights, mode)
    if after == before.acl:
        return
    try:
        for account in await _concerned(services.directory, identifier):
            if account not in (where.account, by.account):
                await _tell(services, account, by, where, before.id, before.acl, after)
    except Trouble as trouble:  # the rights are given in any case
        services.log.warning("sharing.not_told", why=trouble.log)


async def _concerned(people: People, identifier: str) -> Sequence[int]:
    """The accounts an identifier is of; `anyone` is told to nobody."""
    name = identifier.removeprefix(_NEGATIVE)
    if name.startswith(_USER):
        return (int(name.removeprefix(_USER), 16),)
    if name.startswith(_GROUP):
        return (await people.accounts_of_group(name.removeprefix(_GROUP)))[:TOLD_MAX]
    return ()


async def _tell(services: Services, account: int, by: By, where: Place, mailbox: int, before: Acl, after: Acl) -> None:
    who = await who_is(services.directory, account)
    had, has = rights_of(before, who), rights_of(after, who)
    if had == has:
        return
    now_ms = services.clock.now_ms()
    notice = Notice(VERSION, now_ms, by.account, by.login, where.account, mailbox, where.name, had, has)
    held = sorted(name for name, _stored in await services.mail.objects(account, KIND))
    gone = [(KIND, name, None) for name in held[: max(0, len(held) + 1 - NOTICES_MAX)]]
    last = int(held[-1][1:_TIME_END], 16) if held else 0  # ids are in the order in which they were made
    name = f"N{max(now_ms, last + 1):012x}{services.dice.randbytes(_DICE_BYTES).hex()}"
    await services.mail.put_objects(account, [*gone, (KIND, name, _encode(notice))])


def read(stored: bytes) -> Notice:
    """The inverse of what is stored. Raises Corrupt."""
    try:
        return _decoder.decode(stored)
    except msgspec.MsgspecError as error:
        raise Corrupt("A notice is damaged.", log=f"share notice: {error}") from error
