"""Commands, answers and changes as bytes between a gateway and a shard.

The law: a body begins with a version; what follows are maps, so that fields may be added and are passed over by who
does not know them. Whatever is received is checked before it is used: what cannot be read is Refused by a shard, and
Corrupt to a gateway.
"""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from actors.mailbox import events as ev
from actors.mailbox.types import (
    IDEM_BYTES_MAX,
    Added,
    Annotations,
    Changed,
    Command,
    Copy,
    Done,
    Edited,
    Expunge,
    Looked,
    Opened,
    Placed,
    Reply,
    SetFlags,
    Tallied,
    Tree,
    Who,
)
from cluster.errors import Corrupt, Refused

VERSION: Final = 1  # of the whole; a field more does not need another
WATCH_BYTES: Final = 16  # of the random number by which a gateway calls a watch
_UID_MAX: Final = 2**32 - 1
_REPLIES: Final[tuple[type[Reply], ...]] = (
    Added,
    Changed,
    Done,
    Tree,
    Opened,
    Annotations,
    Tallied,
    Looked,
    Placed,
    Edited,
)  # as the wire has them

_Account = Annotated[int, Meta(gt=0, le=2**63 - 1)]
_WatchId = Annotated[bytes, Meta(min_length=WATCH_BYTES, max_length=WATCH_BYTES)]
T = TypeVar("T")


class Ask(Struct, frozen=True, tag=1, omit_defaults=True):
    """Carry out a command."""

    account: _Account
    command: Command
    idem: Annotated[bytes, Meta(max_length=IDEM_BYTES_MAX)] = b""


class AskRoom(Struct, frozen=True, tag=2):
    """Is there room for so many bytes?"""

    account: _Account
    size: Annotated[int, Meta(ge=0)]


class AskClaims(Struct, frozen=True, tag=3):
    r"""From now on this watch wants new mail to be its \Recent, or no longer."""

    account: _Account
    watch: _WatchId
    on: bool


Request = Ask | AskRoom | AskClaims


class Watch(Struct, frozen=True, omit_defaults=True):
    """Open a mailbox, by its number if given, and tell of its changes. `follows`: of the whole account, and the first
    answer is its Tree."""

    account: _Account
    watch: _WatchId
    name: str
    mailbox: Annotated[int, Meta(ge=0)] = 0
    claims: bool = False
    who: Who | None = None
    follows: bool = False


class Began(Struct, frozen=True):
    """The first answer to Watch: the mailbox with its rows (Index.pieces)."""

    opened: Opened
    pieces: list[bytes]


class Change(Struct, frozen=True):
    """A committed entry, as the owner tells its watchers."""

    modseq: int
    time_ms: int
    events: tuple[ev.Event, ...]
    keywords: tuple[str, ...]


_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(Request)
_watches: Final = msgspec.msgpack.Decoder(Watch)
_began: Final = msgspec.msgpack.Decoder(Began)
_changes: Final = msgspec.msgpack.Decoder(Change)
_replies: Final = tuple(msgspec.msgpack.Decoder(kind) for kind in _REPLIES)


def encode_request(request: Request) -> bytes:
    """The body of a call."""
    return bytes((VERSION,)) + _encoder.encode(request)


def decode_request(body: bytes) -> Request:
    """The inverse. Raises Refused."""
    request: Request = _asked(body, _requests)
    command = request.command if isinstance(request, Ask) else None
    if isinstance(command, SetFlags | Copy | Expunge) and command.uids is not None:
        for low, high in command.uids:
            if not 0 <= low <= high <= _UID_MAX:
                raise Refused("This is not a set of UIDs.", log=f"UIDs {low} to {high} in a command")
    return request


def encode_watch(watch: Watch) -> bytes:
    """The body of a subscription."""
    return bytes((VERSION,)) + _encoder.encode(watch)


def decode_watch(body: bytes) -> Watch:
    """The inverse. Raises Refused."""
    watch: Watch = _asked(body, _watches)
    return watch


def encode_reply(reply: Reply) -> bytes:
    """The answer to Ask, Done to AskClaims, and a Tree to a Watch that follows."""
    return bytes((VERSION, _REPLIES.index(type(reply)))) + _encoder.encode(reply)


def decode_reply(body: bytes) -> Reply:
    """The inverse. Raises Corrupt."""
    kind = _head(body)
    if kind >= len(_replies):
        raise Corrupt("The mailbox service gave an unknown answer.", log=f"reply of kind {kind}")
    reply: Reply = _told(body, _replies[kind])
    return reply


def encode_room(room: bool) -> bytes:
    """The answer to AskRoom."""
    return bytes((VERSION, room))


def decode_room(body: bytes) -> bool:
    """The inverse. Raises Corrupt."""
    return bool(_head(body))


def encode_began(began: Began) -> bytes:
    """The first answer to a subscription."""
    return bytes((VERSION, 0)) + _encoder.encode(began)


def decode_began(body: bytes) -> Began:
    """The inverse. Raises Corrupt."""
    _head(body)
    began: Began = _told(body, _began)
    return began


def encode_change(
    modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
) -> bytes:
    r"""What is pushed. `mine`: if there is anything \Recent in it, it is for this watch."""
    return bytes((VERSION, mine)) + _encoder.encode(Change(modseq, time_ms, tuple(events), keywords))


def decode_change(body: bytes) -> tuple[Change, bool]:
    """The inverse, and `mine`. Raises Corrupt."""
    mine = bool(_head(body))
    change: Change = _told(body, _changes)
    return change, mine


def _asked(body: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    if body[:1] != bytes((VERSION,)):
        raise Refused("The mailbox service is of another version.", log=f"a request of version {body[:1]!r}")
    try:
        return decoder.decode(memoryview(body)[1:])
    except ev.UNREADABLE as error:
        raise Refused("The mailbox service does not understand this.", log=f"a request is damaged: {error}") from error


def _head(body: bytes) -> int:
    """The byte behind the version."""
    if len(body) < 2 or body[0] != VERSION:
        raise Corrupt("The mailbox service is of another version.", log=f"an answer that begins with {body[:2]!r}")
    return body[1]


def _told(body: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    try:
        return decoder.decode(memoryview(body)[2:])
    except ev.UNREADABLE as error:
        raise Corrupt("The mailbox service's answer is damaged.", log=f"an answer is damaged: {error}") from error
