"""The directory's keys, all under `d`.

The law: only this file knows the layout. Every key is under 511 bytes: a domain has at most 253, a local part 64.

    dv                                  how often the directory has changed (a counter; `add` only)
    dd <domain>                         Domain
    da <account, 8 bytes>               Account
    dc <account, 8 bytes>               Credentials
    dl <domain> 0 <local part>          which account logs in by this address (8 bytes)
    de <domain> 0 <local part>          Entry: what the address is
    dk <kind> <domain> 0 <local part>   empty; the addresses of one kind in a domain, in order
    dm <hash of an address, 16 bytes> <domain> 0 <local part>   empty; a group or alias that leads to that address
    ds <domain> 0 <selector>            DkimKey: a signing key, but for its private half
    dp <domain> 0 <selector>            its private half (PKCS #8, DER); read to sign, and by nothing else
"""

from hashlib import blake2b
from typing import Final

from actors.directory.addresses import Address
from actors.directory.types import AccountId, Alias, Entry, Group, MailingList, OwnAddress

VERSION: Final = b"dv"

Kind = type[OwnAddress] | type[Alias] | type[MailingList] | type[Group] | type[str]
LOGINS: Final = str  # the kind of the addresses that accounts log in by
_KINDS: Final[dict[Kind, bytes]] = {LOGINS: b"u", OwnAddress: b"o", Alias: b"a", MailingList: b"l", Group: b"g"}

_HASH_BYTES: Final = 16

Span = tuple[bytes, bytes]


def domain(name: str) -> bytes:
    """Where a domain is."""
    return b"dd" + name.encode()


def domains(after: str = "") -> Span:
    """All domains after one."""
    return (b"dd" + after.encode() + b"\0", b"de")


def account(number: AccountId) -> bytes:
    """Where an account is."""
    return b"da" + account_value(number)


def credentials(number: AccountId) -> bytes:
    """Where what proves an account's password is."""
    return b"dc" + account_value(number)


def login(address: Address) -> bytes:
    """Where the account of a login is found."""
    return b"dl" + _path(address)


def entry(address: Address) -> bytes:
    """Where what an address is, is."""
    return b"de" + _path(address)


def entries(name: str) -> Span:
    """All entries of a domain."""
    return (b"de" + name.encode() + b"\0", b"de" + name.encode() + b"\1")


def dkim_key(name: str, selector: str) -> bytes:
    """Where a signing key is."""
    return b"ds" + name.encode() + b"\0" + selector.encode()


def dkim_keys(name: str) -> Span:
    """All signing keys of a domain."""
    return (b"ds" + name.encode() + b"\0", b"ds" + name.encode() + b"\1")


def dkim_private(name: str, selector: str) -> bytes:
    """Where the private half of a signing key is."""
    return b"dp" + name.encode() + b"\0" + selector.encode()


def dkim_privates(name: str) -> Span:
    """All private halves of a domain."""
    return (b"dp" + name.encode() + b"\0", b"dp" + name.encode() + b"\1")


def listed(kind: Kind, address: Address) -> bytes:
    """Where an address stands among those of its kind."""
    return b"dk" + _KINDS[kind] + _path(address)


def listing(kind: Kind, name: str, after: str = "") -> Span:
    """The addresses of a kind in a domain whose local parts come after one."""
    begin = b"dk" + _KINDS[kind] + name.encode()
    return (begin + b"\0" + (after.encode() + b"\0" if after else b""), begin + b"\1")


def listed_address(key: bytes) -> Address:
    """The address in a key made by `listed`."""
    return _address(key[3:])


def entry_address(key: bytes) -> Address:
    """The address in a key made by `entry`."""
    return _address(key[2:])


def membership(member: Address, group: Address) -> bytes:
    """Where it is noted that a group or alias may have a member; in lower case, so one has to look."""
    return _memberships(member) + _path(group)


def memberships(member: Address) -> Span:
    """All groups and aliases that may have a member."""
    begin = _memberships(member)
    return (begin, begin + b"\xff")


def membership_group(key: bytes) -> Address:
    """The group or alias in a key made by `membership`."""
    return _address(key[2 + _HASH_BYTES :])


def _memberships(member: Address) -> bytes:
    """Two addresses are longer than a key may be."""
    return b"dm" + blake2b(_path(member.folded()), digest_size=_HASH_BYTES).digest()


def kind_of(entry: Entry) -> Kind:
    """Under which kind an entry is listed."""
    return type(entry)


def account_value(number: AccountId) -> bytes:
    """An account as 8 bytes."""
    return number.to_bytes(8, "big")


def account_of(value: bytes) -> AccountId:
    """The account in 8 bytes."""
    return int.from_bytes(value, "big")


def _path(address: Address) -> bytes:
    return address.domain.encode() + b"\0" + address.local.encode()


def _address(path: bytes) -> Address:
    name, _, local = path.partition(b"\0")
    return Address(local.decode(), name.decode())
