"""Option negotiation (OPTNEG): what we offer, what the filter takes of it, and which macros it wants.

The law: a filter that takes what was not offered is not understood, and must not be talked to.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mail.milter.codes import (
    DATA_BYTES,
    DATA_BYTES_1M,
    DATA_BYTES_256K,
    VERSION_MAX,
    VERSION_MIN,
    Action,
    Protocol,
    Stage,
    actions_of,
    protocol_of,
)
from mail.milter.errors import ProtocolError

_WORD_BYTES: Final = 4
_FIXED_BYTES: Final = 3 * _WORD_BYTES
MACROS_MAX: Final = 100  # of one stage; Sendmail knows some 60 in all
_SIZES: Final = {DATA_BYTES_256K: Protocol.MDS_256K, DATA_BYTES_1M: Protocol.MDS_1M}
_INTERNAL: Final = Protocol.MDS_256K | Protocol.MDS_1M


class Offer(NamedTuple):
    """What we are ready for. `data_bytes`: of one command, one of the three sizes of codes.py."""

    version: int = VERSION_MAX
    data_bytes: int = DATA_BYTES

    @property
    def actions(self) -> Action:
        """What may be changed."""
        return actions_of(self.version)

    @property
    def protocol(self) -> Protocol:
        """What need not be sent, and so on."""
        sized = _SIZES.get(self.data_bytes, Protocol.NONE) if self.version >= VERSION_MAX else Protocol.NONE
        return protocol_of(self.version) | sized


class Agreed(NamedTuple):
    """What both sides keep to. `macros`: the names wanted at a stage, where the filter named them."""

    version: int
    actions: Action
    protocol: Protocol
    data_bytes: int = DATA_BYTES
    macros: Mapping[Stage, tuple[str, ...]] = {}


def build_offer(offer: Offer) -> bytes:
    """The data of our OPTNEG."""
    return b"".join(number.to_bytes(_WORD_BYTES) for number in (offer.version, offer.actions, offer.protocol))


def parse_answer(data: bytes, offer: Offer) -> Agreed:
    """The data of the filter's OPTNEG. Raises ProtocolError."""
    if len(data) < _FIXED_BYTES:
        raise ProtocolError("its options are cut short")
    version, actions, protocol = (
        int.from_bytes(data[at : at + _WORD_BYTES]) for at in range(0, _FIXED_BYTES, _WORD_BYTES)
    )
    if not VERSION_MIN <= version <= offer.version:
        raise ProtocolError(f"version {version}, where {VERSION_MIN} to {offer.version} were offered")
    if actions & ~int(offer.actions):  # a flag's own ~ knows only named bits
        raise ProtocolError(f"actions {actions:#x}, of {int(offer.actions):#x} that were offered")
    if protocol & ~int(offer.protocol | _INTERNAL):
        raise ProtocolError(f"protocol options {protocol:#x}, of {int(offer.protocol):#x} that were offered")
    kept = Protocol(protocol) & ~_INTERNAL
    if version < 3:
        kept |= Protocol.NOUNKNOWN
    if version < 4:
        kept |= Protocol.NODATA
    return Agreed(version, Action(actions), kept, _data_bytes(protocol, offer), _macros(data[_FIXED_BYTES:]))


def _data_bytes(protocol: int, offer: Offer) -> int:
    """The largest command both know; a filter that takes more than we offered gets what we offered."""
    wanted = DATA_BYTES
    if protocol & Protocol.MDS_1M:
        wanted = DATA_BYTES_1M
    elif protocol & Protocol.MDS_256K:
        wanted = DATA_BYTES_256K
    return min(wanted, offer.data_bytes)


def _macros(data: bytes) -> dict[Stage, tuple[str, ...]]:
    """The lists behind the options: a stage as a number of four bytes, names with blanks between, NUL."""
    found: dict[Stage, tuple[str, ...]] = {}
    at = 0
    while at < len(data):
        end = data.find(b"\0", at + _WORD_BYTES)
        stage = int.from_bytes(data[at : at + _WORD_BYTES])
        if end < 0 or stage >= len(Stage) or Stage(stage) in found:
            raise ProtocolError("its list of macros cannot be read")
        names = data[at + _WORD_BYTES : end].replace(b",", b" ").split()
        if len(names) > MACROS_MAX:
            raise ProtocolError(f"more than {MACROS_MAX} macros for one stage")
        found[Stage(stage)] = tuple(name.strip(b"{}").decode("latin-1") for name in names)
        at = end + 1
    return found
