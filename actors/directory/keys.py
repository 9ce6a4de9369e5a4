"""The directory's keys, all under `d`.

The law: only this file knows the layout. Every key is under 511 bytes: a domain has at most 253, a local part 64.

    di                                  all aliases have their dm
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
    dx <account, 8 bytes> a <id, 8>     AppPassword
    dx <account, 8 bytes> c <id, 8>     Code: an authorization code, also for a while after its use
    dx <account, 8 bytes> f             SecondFactor
    dx <account, 8 bytes> g <id, 8>     Grant: what a program may do for the account, with its tokens' digests
    dy <user code>                      Device: one that waits to be let in
    dz <when, ms, 8 bytes> <user code>  empty; the devices in the order in which they are forgotten
"""

from hashlib import blake2b
from typing import Final

from actors.directory.addresses import Address
from actors.directory.types import AccountId, Alias, Entry, Group, MailingList, OwnAddress

VERSION: Final = b"dv"
ALIASES_KNOWN: Final = b"di"

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


def domain_name(key: bytes) -> str:
    """The domain in a key made by `domain`."""
    return key[2:].decode()


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


def app_password(number: AccountId, ident: bytes) -> bytes:
    """Where an app password is."""
    return b"dx" + account_value(number) + b"a" + ident


def app_passwords(number: AccountId) -> Span:
    """All app passwords of an account."""
    return _span(b"dx" + account_value(number) + b"a")


def code(number: AccountId, ident: bytes) -> bytes:
    """Where an authorization code is."""
    return b"dx" + account_value(number) + b"c" + ident


def codes(number: AccountId) -> Span:
    """All authorization codes of an account."""
    return _span(b"dx" + account_value(number) + b"c")


def second_factor(number: AccountId) -> bytes:
    """Where an account's second factor is."""
    return b"dx" + account_value(number) + b"f"


def grant(number: AccountId, ident: bytes) -> bytes:
    """Where a grant is."""
    return b"dx" + account_value(number) + b"g" + ident


def grants(number: AccountId) -> Span:
    """All grants of an account."""
    return _span(b"dx" + account_value(number) + b"g")


def proofs(number: AccountId) -> Span:
    """All that lets an account in besides its password."""
    return _span(b"dx" + account_value(number))


def device(user_code: str) -> bytes:
    """Where a device that waits is."""
    return b"dy" + user_code.encode()


def device_end(until_ms: int, user_code: str) -> bytes:
    """Where it is noted when a device is forgotten."""
    return b"dz" + until_ms.to_bytes(8, "big") + user_code.encode()


def device_ends(until_ms: int = 2**63) -> Span:
    """The devices that are forgotten before a moment."""
    return (b"dz", b"dz" + until_ms.to_bytes(8, "big"))


def device_ending(key: bytes) -> str:
    """The user code in a key made by `device_end`."""
    return key[10:].decode()


def _span(prefix: bytes) -> Span:
    """All keys with a prefix and something behind it; ends there, as accounts' numbers may be of any bytes."""
    return (prefix, _next(prefix))


def _next(prefix: bytes) -> bytes:
    """The first key after all that have a prefix; none ends in 0xff but an account's number."""
    short = prefix.rstrip(b"\xff")
    return short[:-1] + bytes((short[-1] + 1,))


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
