"""Where reports go as mail: into a mailbox here, or into the queue.

The law: durable on return, and the same name again is kept once, so a report that is made twice is sent once.
"""

from typing import Any, Protocol, TypeAlias

from actors.directory.types import Local, NotLocal, Resolution
from actors.queue.outbox import Kept
from actors.queue.types import Envelope, Recipient
from cluster.errors import NotFound

Prepared: TypeAlias = Any  # what MailboxClient makes of a message


class Post(Protocol):
    """Takes it."""

    async def post(
        self, message: bytes, recipient: str, *, sender: str, name: bytes, tls_optional: bool = False
    ) -> None:
        """Keep it for its recipient. `sender`: the reverse-path; `name`: 32 bytes, the same for the same message;
        `tls_optional`: it goes also where TLS does not work. Raises NotFound, Refused, Unavailable, StoreFull."""
        ...


class Signer(Protocol):
    """Who signs what we write ourselves."""

    async def sign(self, message: bytes, sender: str) -> bytes:
        """The message with DKIM signatures in front, for that From address. Raises Unavailable."""
        ...


class Unsigned:
    """Nobody."""

    async def sign(self, message: bytes, sender: str) -> bytes:  # noqa: ARG002 (Signer's signature)
        """As it is."""
        return message


class Directory(Protocol):
    """DirectoryClient."""

    async def resolve(self, address: str) -> Resolution:
        """The owners of an address. Raises Unavailable."""
        ...


class Mailboxes(Protocol):
    """MailboxClient."""

    async def prepare(self, raw: bytes) -> Prepared:
        """Parse and pack once."""
        ...

    async def deliver(self, account: int, prepared: Prepared, *, idem: bytes) -> object:
        """Store into one account; the same idem once. Raises OverQuota, Unavailable, NotFound."""
        ...


class Queueing(Protocol):
    """Outbox."""

    async def keep(self, raw: bytes) -> Kept:
        """Hash and pack a message. Raises Unavailable, StoreFull."""
        ...

    async def send(self, mail: Envelope, kept: Kept, *, idem: bytes) -> bytes:
        """Queue it; the same idem once. Raises Refused, Unavailable, StoreFull."""
        ...


class HereOrAway:
    """Implements Post over the directory, the mailboxes and the queue."""

    def __init__(self, directory: Directory, mailboxes: Mailboxes, outbox: Queueing) -> None:
        self._directory = directory
        self._mailboxes = mailboxes
        self._outbox = outbox

    async def post(
        self, message: bytes, recipient: str, *, sender: str, name: bytes, tls_optional: bool = False
    ) -> None:
        """Of Post."""
        match await self._directory.resolve(recipient):
            case Local(targets, elsewhere=others):
                prepared = await self._mailboxes.prepare(f"Return-Path: <{sender}>\r\n".encode() + message)
                for target in targets:
                    await self._mailboxes.deliver(target.account, prepared, idem=name)
                away = [(address.rpartition("@")[2], address) for address in others]
            case NotLocal(domain):
                away = [(domain, recipient)]
            case _:
                raise NotFound("There is no such address.", log=f"a report has no recipient: {recipient}")
        kept = await self._outbox.keep(message) if away else None
        for domain, address in away:
            mail = _envelope(domain, address, sender, name, tls_optional=tls_optional)
            assert kept is not None
            await self._outbox.send(mail, kept, idem=name)


def _envelope(domain: str, recipient: str, sender: str, name: bytes, *, tls_optional: bool) -> Envelope:
    return Envelope(
        domain,
        sender,
        # Nobody waits for news of a report, least of all its sender, who is a program.
        (Recipient(recipient, notify=("NEVER",)),),
        b"",
        0,
        ident=f"{name.hex()[:12]}.1",
        smtputf8=not (recipient.isascii() and sender.isascii()),
        tls_optional=tls_optional,
    )
