"""What a transaction does to the DKIM keys of a domain, and the keys themselves: made, read, and readied to sign.

The law: a private half is written once and read to sign, and is in no value, listing, log or answer. A domain that has
a key that signs goes on signing: another one takes over in the same transaction, or somebody says that it is to stop.

A key is made `waiting`, so that its record can be published first. Once it is seen there, or an operator says so, it
becomes `active` and takes the place of the active one of its algorithm, which is `retired`: its record stays until mail
that it signed has arrived everywhere, then it is removed.
"""

import base64
import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from msgspec.structs import replace

from actors.directory import domains, rows
from actors.directory.types import DkimKey, DkimState
from cluster.errors import AlreadyExists, Corrupt, Fault, NotFound, Refused
from cluster.meta.store import Reader, Transaction
from mail.trust.dkim_keys import RSA_BITS_MAX, PrivateKey, algorithm_of
from mail.trust.dkim_sign import SigningKey

ALGORITHMS: Final = ("rsa-sha256", "ed25519-sha256")
RSA_BITS: Final = 2048  # RFC 8301 3.2; 3072 would not fit one UDP answer with its signatures
RSA_BITS_MIN: Final = 1024
KEYS_MAX: Final = 16  # of one domain: two algorithms, one waiting, one active, a few retired
KEPT: Final = 10_000  # parsed keys, 4 kB each

_SELECTOR: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
SELECTOR_MAX: Final = 100  # characters: with the longest usual domain it is a name still


class BadKey(Refused):
    """What was given is not a key that can sign."""

    fault = Fault.PEER


class Material(NamedTuple):
    """A key as it is stored: the private half never leaves the directory."""

    algorithm: str
    private: bytes
    public: str
    bits: int

    def __repr__(self) -> str:
        return f"Material({self.algorithm!r})"


def generate(algorithm: str) -> Material:
    """A new key; of RSA it takes 50 to 500 ms. Raises BadKey."""
    if algorithm == "rsa-sha256":
        return _material(generate_private_key(65537, RSA_BITS))
    if algorithm == "ed25519-sha256":
        return _material(Ed25519PrivateKey.generate())
    raise BadKey(f"{algorithm!r} is no algorithm to sign with; there are {' and '.join(ALGORITHMS)}.")


def given(private: bytes) -> Material:
    """A key from elsewhere, PEM or DER, without a password; of RSA it takes 50 ms. Raises BadKey."""
    try:
        load = load_pem_private_key if private.lstrip().startswith(b"-----") else load_der_private_key
        key = load(private, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("This is no private key, or it has a password; give it as PEM or DER without one.") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise BadKey("DKIM signs with RSA and Ed25519 keys only.")
    if isinstance(key, RSAPrivateKey) and not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise BadKey(f"An RSA key must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits.")
    return _material(key)


def _material(key: PrivateKey) -> Material:
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        bits = key.key_size
    else:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)  # RFC 8463 4.2
        bits = 256
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Material(algorithm_of(key), private, base64.b64encode(public).decode(), bits)


async def signing_keys(reader: Reader, name: str) -> tuple[SigningKey, ...]:
    """The active keys of a domain (A-labels), ready to sign, RSA first. Raises Corrupt."""
    active = [key for key in await rows.dkim_keys(reader, name) if key.state is DkimState.ACTIVE]
    active.sort(key=lambda key: ALGORITHMS.index(key.algorithm))
    privates = await rows.dkim_privates(reader, active)
    return tuple(
        SigningKey(key.domain, key.selector, _ready(private))
        for key, private in zip(active, privates, strict=True)
        if private is not None  # removed between the two reads
    )


@lru_cache(maxsize=KEPT)
def _ready(private: bytes) -> PrivateKey:
    """The key as an object. It was checked when it came: checking RSA again would take 50 ms, this takes 0.1."""
    try:
        key = load_der_private_key(private, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Corrupt("A stored DKIM key cannot be read.") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise Corrupt("A stored DKIM key is of another kind.")
    return key


async def add(
    tx: Transaction, name: str, material: Material, now_ms: int, *, selector: str = "", active: bool = False
) -> DkimKey:
    """A new key. `selector` empty: made from the date. Raises NotFound, AlreadyExists, Refused."""
    domain = await domains.named(tx, name)
    present = await rows.dkim_keys(tx, domain.name)
    if len(present) >= KEYS_MAX:
        raise Refused(f"{domain.name} has {KEYS_MAX} keys; remove some first.")
    taken = {key.selector for key in present}
    selector = _selector(selector) if selector else _fresh(material.algorithm, now_ms, taken)
    if selector in taken:
        raise AlreadyExists(f"{domain.name} has a key {selector} already.")
    key = DkimKey(
        domain=domain.name,
        selector=selector,
        algorithm=material.algorithm,
        public=material.public,
        state=DkimState.WAITING,
        created_ms=now_ms,
        changed_ms=now_ms,
        bits=material.bits,
    )
    rows.put_dkim_key(tx, key, material.private)
    return await change(tx, domain.name, selector, DkimState.ACTIVE, now_ms) if active else key


async def change(tx: Transaction, name: str, selector: str, state: DkimState, now_ms: int) -> DkimKey:
    """Put a key into a state; one that becomes active retires the active ones of its algorithm. A key that is in the
    state already stays as it is. Raises NotFound."""
    key = await named(tx, name, selector)
    if key.state is state:
        return key
    if state is DkimState.ACTIVE:
        for other in await rows.dkim_keys(tx, key.domain):
            if other.algorithm == key.algorithm and other.state is DkimState.ACTIVE:
                rows.put_dkim_key(tx, replace(other, state=DkimState.RETIRED, changed_ms=now_ms))
    changed = replace(key, state=state, changed_ms=now_ms)
    rows.put_dkim_key(tx, changed)
    return changed


async def remove(tx: Transaction, name: str, selector: str) -> DkimKey:
    """Remove a key that does not sign. Raises NotFound, Refused."""
    key = await named(tx, name, selector)
    if key.state is DkimState.ACTIVE:
        raise Refused(f"{selector} signs the mail of {key.domain}; retire it first, or activate another.")
    rows.drop_dkim_key(tx, key)
    return key


async def due(reader: Reader, name: str) -> tuple[str, ...]:
    """For which algorithms a rotation makes a new key: those that sign, both where none does; without those for which
    a key is waiting already. Raises NotFound."""
    domain = await domains.named(reader, name)
    present = await rows.dkim_keys(reader, domain.name)
    waiting = {key.algorithm for key in present if key.state is DkimState.WAITING}
    signing = {key.algorithm for key in present if key.state is DkimState.ACTIVE} or set(ALGORITHMS)
    return tuple(algorithm for algorithm in ALGORITHMS if algorithm in signing - waiting)


async def remove_old(tx: Transaction, name: str, before_ms: int) -> Sequence[DkimKey]:
    """Remove what was retired before a moment."""
    old = [
        key for key in await rows.dkim_keys(tx, name) if key.state is DkimState.RETIRED and key.changed_ms < before_ms
    ]
    for key in old:
        rows.drop_dkim_key(tx, key)
    return old


async def named(reader: Reader, name: str, selector: str) -> DkimKey:
    """The key. Raises NotFound."""
    domain = await domains.named(reader, name)
    key = await rows.dkim_key(reader, domain.name, selector.lower()) if selector.isascii() else None
    if key is None:
        raise NotFound(f"{domain.name} has no DKIM key {selector}.")
    return key


def _selector(text: str) -> str:
    name = text.lower()
    if len(name) > SELECTOR_MAX or not _SELECTOR.fullmatch(name):
        raise BadKey(f"{text!r} is no selector; use letters, digits and dashes.")
    return name


def _fresh(algorithm: str, now_ms: int, taken: set[str]) -> str:
    """A selector of today: r20261130 for RSA, e20261130 for Ed25519; with a number where that is taken."""
    base = f"{algorithm[0]}{dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC):%Y%m%d}"
    numbered = (f"{base}-{number}" for number in range(2, KEYS_MAX + 2))
    return base if base not in taken else next(name for name in numbered if name not in taken)
