"""The ARC sets of a message, collected and put in order (RFC 8617 4.2, 5.2 steps 1 to 3).

The law: a chain is whole or it is broken; nothing is passed over, so that no two readers see different chains.
"""

import re
from typing import Final, NamedTuple, TypeVar

from mail.message.header import unfold
from mail.trust.dkim_canon import Field, Signable
from mail.trust.dkim_signature import Signature, read
from mail.trust.dkim_tags import BadTags

RESULTS: Final = b"arc-authentication-results"
MESSAGE: Final = b"arc-message-signature"
SEAL: Final = b"arc-seal"
NAMES: Final = frozenset({RESULTS, MESSAGE, SEAL})

SETS_MAX: Final = 50  # RFC 8617 4.2.1
PAYLOAD_BYTES_MAX: Final = 16 * 1024  # of one ARC-Authentication-Results

_COMMENT: Final = rb"(?:[ \t\r\n]|\([^()\\]*\))*"
# instance = [CFWS] "i" [CFWS] "=" [CFWS] position, then [CFWS] ";" (RFC 8617 3.9, 4.1.1)
_INSTANCE: Final = re.compile(_COMMENT + rb"i" + _COMMENT + rb"=" + _COMMENT + rb"([0-9]{1,2})" + _COMMENT + rb";")

_Kept = TypeVar("_Kept")


class BrokenChain(ValueError):
    """The sets are no chain; the text says why."""


class ArcSet(NamedTuple):
    """One set. `payload`: what was recorded, on one line, without its instance."""

    instance: int
    results: Field
    message: Signature
    seal: Signature
    payload: str


def collect(signable: Signable) -> tuple[ArcSet, ...]:
    """The sets by instance, from 1; none where there are none. Raises BrokenChain."""
    found = [field for field in signable.fields if field.name in NAMES]
    if len(found) > 3 * SETS_MAX:
        raise BrokenChain("there are more than 50 sets")
    results: dict[int, Field] = {}
    messages: dict[int, Signature] = {}
    seals: dict[int, Signature] = {}
    for field in found:
        if field.name == RESULTS:
            _put(results, _instance(field), field)
        elif field.name == MESSAGE:
            one = _signature(field)
            _put(messages, one.instance, one)
        else:
            one = _signature(field)
            _put(seals, one.instance, one)
    count = len(seals)
    wanted = set(range(1, count + 1))
    if not wanted == seals.keys() == messages.keys() == results.keys():
        raise BrokenChain("the sets are not complete from 1 to the last")
    return tuple(ArcSet(i, results[i], messages[i], seals[i], payload_of(results[i])) for i in range(1, count + 1))


def highest(signable: Signable) -> int:
    """The highest instance that any ARC field names, in a broken chain, too; 0 where there is none."""
    instances = [0]
    for field in signable.fields:
        try:
            if field.name == RESULTS:
                instances.append(_instance(field))
            elif field.name in NAMES:
                instances.append(_signature(field).instance)
        except BrokenChain:
            pass
    return max(instances)


def payload_of(field: Field) -> str:
    """What an ARC-Authentication-Results says after its instance, on one line."""
    value = field.raw.partition(b":")[2]
    found = _INSTANCE.match(value)
    rest = value[found.end() :] if found else value
    return unfold(rest).decode("utf-8", "replace")


def _put(by_instance: dict[int, _Kept], instance: int, value: _Kept) -> None:
    if instance in by_instance:
        raise BrokenChain(f"a field is there twice for i={instance}")
    by_instance[instance] = value


def _instance(field: Field) -> int:
    if len(field.raw) > PAYLOAD_BYTES_MAX:
        raise BrokenChain("ARC-Authentication-Results is too long")
    found = _INSTANCE.match(field.raw, field.raw.index(b":") + 1)
    if found is None or not 1 <= int(found[1]) <= SETS_MAX:
        raise BrokenChain("ARC-Authentication-Results does not begin with i=")
    return int(found[1])


def _signature(field: Field) -> Signature:
    name = "ARC-Message-Signature" if field.name == MESSAGE else "ARC-Seal"
    try:
        return read(field, "ams" if field.name == MESSAGE else "seal")
    except BadTags as error:
        raise BrokenChain(f"{name}: {error}") from None
