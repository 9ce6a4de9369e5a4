"""Where mail of our own goes: into a mailbox here, or into the queue.

The law: durable on return, and the same name again is kept once. It goes from the null reverse-path.
"""

import hashlib
from typing import Any, Final, Protocol, TypeAlias

from actors.directory.types import Local, NotLocal, Resolution
from actors.queue.types import INLINE_BYTES_MAX, Envelope, Recipient
from cluster.blobs.blobs import Blobs, digest_of
from cluster.blobs.codec import pack
from cluster.clock import Clock
from cluster.errors import NotFound

IDENT_CHARS: Final = 12

Prepared: TypeAlias = Any
"""A message made ready by `Mailboxes.prepare`; opaque here."""


class Outgoing(Protocol):
    """Takes it."""

    async def send(
        self, recipient: str, message: bytes, *, name: bytes, smtputf8: bool, eight_bit: bool, about: Envelope
    ) -> None:
        """Keep it for its recipient; `name`: 32 bytes, the same for the same. `about`: the mail that it is about.
        Raises NotFound (there is nobody), OverQuota, Unavailable."""
        ...


class Directory(Protocol):
    """Who is who."""

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


class Enqueueing(Protocol):
    """QueueClient."""

    async def enqueue(self, mail: Envelope, idem: bytes, packed: bytes | None, due_ms: int = 0) -> bytes:
        """Keep mail until it is delivered; the same idem once. Raises Refused, Unavailable."""
        ...


class HereOrAway:
    """Implements Outgoing over the directory, the mailboxes and the queue."""

    def __init__(
        self, directory: Directory, mailboxes: Mailboxes, queue: Enqueueing, blobs: Blobs, clock: Clock
    ) -> None:
        self._directory = directory
        self._mailboxes = mailboxes
        self._queue = queue
        self._blobs = blobs
        self._clock = clock

    async def send(
        self, recipient: str, message: bytes, *, name: bytes, smtputf8: bool, eight_bit: bool, about: Envelope
    ) -> None:
        """Of Outgoing."""
        found = await self._directory.resolve(recipient)
        match found:
            case Local(targets, elsewhere=elsewhere):
                prepared = await self._mailboxes.prepare(b"Return-Path: <>\r\n" + message)
                for target in targets:
                    await self._mailboxes.deliver(target.account, prepared, idem=name)
                for address in elsewhere:  # several may be at one domain
                    domain = address.rpartition("@")[2].lower()
                    one = hashlib.sha256(name + address.encode()).digest()
                    await self._enqueue(domain, address, message, one, about, smtputf8=smtputf8, eight_bit=eight_bit)
            case NotLocal(domain):
                await self._enqueue(domain, recipient, message, name, about, smtputf8=smtputf8, eight_bit=eight_bit)
            case _:
                raise NotFound("There is no such address.", log=f"a notice about {about.ident} has no recipient")

    async def _enqueue(
        self,
        domain: str,
        recipient: str,
        message: bytes,
        name: bytes,
        about: Envelope,
        *,
        smtputf8: bool,
        eight_bit: bool,
    ) -> None:
        packed: bytes | None = pack(message)
        stored_ms, digest = self._clock.now_ms(), digest_of(message)
        if len(packed or b"") > INLINE_BYTES_MAX:
            packed = None
            await self._blobs.put(digest, message)
        mail = Envelope(
            domain=domain,
            sender="",
            recipients=(Recipient(recipient),),
            digest=digest,
            size=len(message),
            stored_ms=stored_ms,
            ident=f"{name.hex()[:IDENT_CHARS]}.1",
            body="8BITMIME" if eight_bit else "7BIT",
            smtputf8=smtputf8,
            require_tls=about.require_tls,  # RFC 8689 5
        )
        await self._queue.enqueue(mail, name, packed)
