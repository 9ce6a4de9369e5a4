"""What somebody has uploaded, and may make messages of (RFC 8620 6.1).

The law: bytes are durable before their blob id is told, and nobody has them by that id but who uploaded them. How many
one may have is bounded: the oldest are forgotten first, after LIVE_MS at the earliest.
"""

from typing import Final

import msgspec

from cluster.errors import Corrupt, NotFound, OverQuota
from gateway.jmap.parts import ObjectChange, Services

KIND: Final = "Upload"
LIVE_MS: Final = 24 * 3600 * 1000  # RFC 8620 6: an hour at least
UPLOADS_MAX: Final = 1000  # of one account
UPLOADS_BYTES_MAX: Final = 500_000_000  # of one account, at the same time
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


async def keep(services: Services, account: int, data: bytes, media_type: str) -> str:
    """Store bytes and give their blob id. Raises OverQuota, Unavailable."""
    now_ms = services.clock.now_ms()
    held = [(name, _read(stored)) for name, stored in await services.mail.objects(account, KIND)]
    gone: list[ObjectChange] = [(KIND, name, None) for name, one in held if one.at_ms + LIVE_MS < now_ms]
    forgotten = {name for _kind, name, _value in gone}
    live = [one for name, one in held if name not in forgotten]
    if len(live) >= UPLOADS_MAX or sum(one.size for one in live) + len(data) > UPLOADS_BYTES_MAX:
        raise OverQuota("You have uploaded too much that is in no message yet; try again in some hours.")
    digest = await services.mail.keep(data)
    upload = _encode(Upload(_VERSION, len(data), media_type[:255], now_ms))
    await services.mail.put_objects(account, [*gone[:100], (KIND, digest.hex(), upload)])
    return _PREFIX + digest.hex()


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


def _read(stored: bytes) -> Upload:
    try:
        return _decoder.decode(stored)
    except msgspec.MsgspecError as error:
        raise Corrupt("The note of an upload is damaged.", log=f"upload: {error}") from error
