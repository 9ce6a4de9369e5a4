"""What an account keeps of being away.

The law: one value, under one name; nothing is an account that never said anything.
"""

from typing import Final

import msgspec

from cluster.errors import Corrupt

KIND: Final = "VacationResponse"
SINGLETON: Final = "singleton"
VERSION: Final = 1


class Vacation(msgspec.Struct, frozen=True, array_like=True):
    """As it is kept. Times: ms; None: no bound."""

    version: int = VERSION
    enabled: bool = False
    from_ms: int | None = None
    to_ms: int | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None

    def is_on(self, now_ms: int) -> bool:
        """Whether people are answered now."""
        began = self.from_ms is None or self.from_ms <= now_ms
        return self.enabled and began and (self.to_ms is None or now_ms < self.to_ms)


_decoder: Final = msgspec.msgpack.Decoder(Vacation)
encode: Final = msgspec.msgpack.Encoder().encode


def decode(stored: bytes | None) -> Vacation:
    """Raises Corrupt."""
    if stored is None:
        return Vacation()
    try:
        return _decoder.decode(stored)
    except msgspec.MsgspecError as error:
        raise Corrupt("What is kept of being away is damaged.", log=f"{KIND}: {error}") from error
