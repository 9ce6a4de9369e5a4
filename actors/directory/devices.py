"""What a transaction does with devices that cannot show a page: they show a short code, which somebody types elsewhere
(RFC 8628).

The law: a code is good for DEVICE_MS and for one answer; at most DEVICES_MAX wait at once, so that nobody fills the
store; who asks faster than told is told to ask more slowly.
"""

import re
from enum import Enum
from typing import Final

import msgspec
from msgspec.structs import replace

from actors.directory import keys, opaque, rows
from actors.directory.types import AccountId
from cluster.clock import Dice
from cluster.errors import Unavailable
from cluster.meta.store import Reader, Transaction

DEVICE_MS: Final = 600_000
INTERVAL_S: Final = 5  # RFC 8628 3.2
SLOWER_S: Final = 5  # RFC 8628 3.5
INTERVAL_MAX_S: Final = 60
DEVICES_MAX: Final = 2000
# RFC 8628 6.1: 20 letters without vowels, so that they spell no word, nor anything that looks like a digit; eight of
# them are 34 bits.
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LETTERS: Final = 8

_SHOWN: Final = re.compile(rf"[{LETTERS}]{{{CODE_LETTERS}}}")
_DEVICE: Final = re.compile(rf"rkd_([{LETTERS}]{{{CODE_LETTERS}}})([0-9a-f]{{{2 * opaque.SECRET_BYTES}}})")


class Device(msgspec.Struct, frozen=True):
    """One that waits. `account`: who let it in; 0: nobody yet. `stamp`: of the password that they had then. `offline`:
    as a code's."""

    user_code: str
    digest: bytes
    client: bytes
    client_name: str
    scopes: tuple[str, ...]
    until_ms: int
    interval_s: int = INTERVAL_S
    polled_ms: int = 0
    account: AccountId = 0
    stamp: bytes = b""
    denied: bool = False
    offline: bool = False


class Wait(Enum):
    """Why a device has no tokens yet, or never will: the error codes of RFC 8628 3.5."""

    PENDING = "authorization_pending"
    SLOWER = "slow_down"
    DENIED = "access_denied"
    EXPIRED = "expired_token"


def draw(dice: Dice) -> str:
    """A new user code."""
    number = dice.getrandbits(128)  # so much more than 20**8 that no letter is likelier than another
    code = ""
    for _ in range(CODE_LETTERS):
        number, at = divmod(number, len(LETTERS))
        code += LETTERS[at]
    return code


def shown(code: str) -> str:
    """A user code as people read it."""
    return f"{code[:4]}-{code[4:]}"


def typed(text: str) -> str:
    """The user code that somebody typed, in whatever case and with whatever between; empty where it is none."""
    code = re.sub(r"[\s\-\u2010-\u2015.]", "", text[:40]).upper()
    return code if _SHOWN.fullmatch(code) else ""


def device_code(code: str, secret: bytes) -> str:
    """What the device keeps to itself."""
    return f"rkd_{code}{secret.hex()}"


async def add(tx: Transaction, device: Device, now: int) -> None:
    """Let it wait. Raises Unavailable where too many do."""
    for key, _ in await tx.range(*keys.device_ends(now + 1)):
        tx.clear(key)
        tx.clear(keys.device(keys.device_ending(key)))
    waiting = await tx.range(*keys.device_ends(), limit=DEVICES_MAX)
    if len(waiting) >= DEVICES_MAX or await tx.get(keys.device(device.user_code)) is not None:
        raise Unavailable("Too many devices wait to be let in; try again in a few minutes.")
    rows.put(tx, keys.device(device.user_code), device)
    tx.set(keys.device_end(device.until_ms, device.user_code), b"")


async def waiting(reader: Reader, user_code: str, now: int) -> Device | None:
    """The device that shows a code, while nobody has answered it."""
    found = await _device(reader, user_code)
    if found is None or found.until_ms <= now or found.account or found.denied:
        return None
    return found


async def decide(tx: Transaction, user_code: str, account: AccountId, allowed: bool, now: int) -> bool:
    """Let it in as an account, or turn it away; whether it was waiting."""
    found = await waiting(tx, user_code, now)
    if found is None:
        return False
    decided = replace(found, denied=True)
    if allowed:
        decided = replace(found, account=account, stamp=await _stamp(tx, account))
    rows.put(tx, keys.device(user_code), decided)
    return True


async def poll(tx: Transaction, text: str, client: bytes, now: int) -> Device | Wait | None:
    """The device that was let in, and waits no more; why not yet; None where there is no such."""
    match = _DEVICE.fullmatch(text)
    found = await _device(tx, match[1]) if match is not None else None
    if match is None or found is None:
        return Wait.EXPIRED if match is not None else None
    if not opaque.same(found.digest, 0, bytes.fromhex(match[2])) or found.client != client:
        return None
    if found.until_ms <= now:
        return _gone(tx, found, Wait.EXPIRED)
    if found.denied:
        return _gone(tx, found, Wait.DENIED)
    if found.account:
        gone = _gone(tx, found, Wait.EXPIRED)
        return found if found.stamp == await _stamp(tx, found.account) else gone
    early = now - found.polled_ms < found.interval_s * 1000
    interval_s = min(found.interval_s + SLOWER_S, INTERVAL_MAX_S) if early else found.interval_s
    rows.put(tx, keys.device(found.user_code), replace(found, polled_ms=now, interval_s=interval_s))
    return Wait.SLOWER if early else Wait.PENDING


def _gone(tx: Transaction, device: Device, why: Wait) -> Wait:
    tx.clear(keys.device(device.user_code))
    tx.clear(keys.device_end(device.until_ms, device.user_code))
    return why


async def _stamp(reader: Reader, account: AccountId) -> bytes:
    credentials = await rows.credentials(reader, account)
    return credentials.stamp if credentials is not None else b""


async def _device(reader: Reader, user_code: str) -> Device | None:
    value = await reader.get(keys.device(user_code))
    return rows.decode(value, Device) if value is not None else None
