"""What somebody has uploaded, and may make messages of (RFC 8620 6.1).

The law: bytes are durable before their blob id is told, and nobody has them by that id but who uploaded them. How many
one may have is bounded, also where he uploads much at the same time: the oldest are forgotten first, after LIVE_MS at
the earliest.
"""

from typing import Final

import msgspec

from cluster.blobs.blobs import digest_of
from cluster.blobs.spool import Spool
from cluster.errors import Corrupt, NotFound, OverQuota, Stale, Unavailable
from gateway.jmap.beside import threaded
from gateway.jmap.parts import ObjectChange, Services

KIND: Final = "Upload"
LIVE_MS: Final = 24 * 3600 * 1000  # RFC 8620 6: an hour at least
UPLOADS_MAX: Final = 1000  # of one account
FORGOTTEN_AT_ONCE: Final = 100
TRIES: Final = 32  # more than there are uploads of one account at the same time: of those that meet, one gets through
_PREFIX: Final = "U"
_VERSION: Final = 1


class Upload(msgspec.Struct, frozen=True, array_like=True):
    """One of them."""

    version: int
    size: int
    type: str
    at_ms: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Upload)


async def check_room(services: Services, account: int, size: int, name: str = "") -> None:
    """Raises OverQuota where there is no room for so many more bytes. `name`: theirs, where it is known."""
    await _gone(services, account, name, size)


async def keep(services: Services, account: int, data: bytes | Spool, media_type: str) -> str:
    """Store bytes and give their blob id. Raises OverQuota, StoreFull, Unavailable."""
    if isinstance(data, Spool):
        name, size = data.digest.hex(), data.size
    else:
        name, size = (await threaded(len(data), digest_of, data)).hex(), len(data)
    await check_room(services, account, size, name)  # before anything is stored
    await (services.mail.keep_spool(data) if isinstance(data, Spool) else services.mail.keep(data))
    for _ in range(TRIES):
        since = (await services.mail.mirror(account)).account.stamp(KIND)
        gone = await _gone(services, account, name, size)
        upload = _encode(Upload(_VERSION, size, media_type[:255], services.clock.now_ms()))
        try:
            await services.mail.put_objects(account, [*gone, (KIND, name, upload)], since=since)
        except Stale:  # another was uploaded meanwhile, and counts
            continue
        return _PREFIX + name
    raise Unavailable("You upload too much at the same time; try again.", log="uploads meet again and again")


async def find(services: Services, account: int, blob: str) -> Upload | None:
    """What is known of an upload of the account's."""
    if not blob.startswith(_PREFIX):
        return None
    stored = await services.mail.object(account, KIND, blob[1:]) if blob[1:].isalnum() else None
    return None if stored is None else _read(stored)


async def read(services: Services, account: int, blob: str) -> bytes | None:
    """Its bytes."""
    if await find(services, account, blob) is None:
        return None
    try:
        return await services.mail.kept(bytes.fromhex(blob[1:]))
    except NotFound:  # swept
        return None


async def _held(services: Services, account: int) -> list[tuple[str, Upload]]:
    return [(name, _read(stored)) for name, stored in await services.mail.objects(account, KIND)]


async def _gone(services: Services, account: int, name: str, size: int) -> list[ObjectChange]:
    """The oldest, which may be forgotten when `name` of this size comes. Raises OverQuota: there is no room for it."""
    held, since_ms = await _held(services, account), services.clock.now_ms() - LIVE_MS
    old = sorted((one.at_ms, other) for other, one in held if one.at_ms < since_ms and other != name)
    forgotten = {other for _at, other in old}
    live = [one.size for other, one in held if other not in forgotten and other != name]
    if len(live) >= UPLOADS_MAX or sum(live) + size > services.settings.uploaded_bytes_max:
        raise OverQuota("You have uploaded too much that is in no message yet; try again in some hours.")
    return [(KIND, other, None) for _at, other in old[:FORGOTTEN_AT_ONCE]]


def _read(stored: bytes) -> Upload:
    try:
        return _decoder.decode(stored)
    except msgspec.MsgspecError as error:
        raise Corrupt("The note of an upload is damaged.", log=f"upload: {error}") from error
