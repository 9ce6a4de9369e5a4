"""Where a mailbox shard's data is in the store. Nothing else knows this layout.

    e slot                          the claim to the slot: who may write (cluster/placement/claims.py)
    m slot account H chunk          head: the account without its messages, as of a MODSEQ
    m slot account L modseq         log entry
    m slot account P mailbox page   index page
    m slot account M email          message: version, where its bytes are, digest, record
    m slot account C email          how many memberships it has beyond the first
    m slot account O kind 0 id      an object of the account (objects.py)
    m slot account T hash           the thread that messages with a message id are of: the email of its first
    n identifier 0 account          something of the account is shared with the identifier (rights.py)
    g slot time account modseq part emails whose membership ended then, for the sweeper
    b digest 0                      a small blob's bytes, or where in a pack they are
    b digest 1 account email        who refers to a blob
    b digest 2                      when the sweeper removed it from the blob store
    b digest 3                      when the packer first saw the bytes in the store
    t time digest                   the same as b digest 2, in the order of time
    k pack 0                        a pack: state, when that began, size; there before the pack is
    k pack 1                        how many of its bytes are pointed at, at most

Numbers are big-endian, so that keys sort as the numbers do. A slot's accounts are together: they move together.
"""

from struct import Struct

from cluster.placement import slots

_SLOT = Struct(">cH")
_ACCOUNT = Struct(">cHQ")
_LOG = Struct(">cHQcQ")
_PAGE = Struct(">cHQcII")
_GARBAGE = Struct(">cHQQQH")
_REMOVED = Struct(">cQ")
_REF = Struct(">BQQ")


def slot_of(account: int) -> int:
    """The slot an account lives in, for ever."""
    return slots.slot_of(account.to_bytes(8, "big"))


def claim(slot: int) -> bytes:
    """Key of the claim to a slot."""
    return _SLOT.pack(b"e", slot)


def head(slot: int, account: int) -> tuple[bytes, bytes]:
    """Range of an account's head chunks."""
    prefix = _ACCOUNT.pack(b"m", slot, account)
    return prefix + b"H", prefix + b"I"


def head_chunk(slot: int, account: int, number: int) -> bytes:
    """Key of one head chunk."""
    return head(slot, account)[0] + bytes((number,))


def log(slot: int, account: int, modseq: int) -> bytes:
    """Key of a log entry."""
    return _LOG.pack(b"m", slot, account, b"L", modseq)


def modseq_of(key: bytes) -> int:
    """The MODSEQ of such a key."""
    return int.from_bytes(key[-8:], "big")


def log_after(slot: int, account: int, modseq: int) -> tuple[bytes, bytes]:
    """Range of the log entries above a MODSEQ."""
    return log(slot, account, modseq + 1), _ACCOUNT.pack(b"m", slot, account) + b"M"


def page(slot: int, account: int, mailbox: int, number: int) -> bytes:
    """Key of an index page."""
    return _PAGE.pack(b"m", slot, account, b"P", mailbox, number)


def pages(slot: int, account: int, mailbox: int) -> tuple[bytes, bytes]:
    """Range of a mailbox's index pages."""
    return page(slot, account, mailbox, 0), page(slot, account, mailbox + 1, 0)


def message(slot: int, account: int, email: int) -> bytes:
    """Key of a message."""
    return _LOG.pack(b"m", slot, account, b"M", email)


def messages_after(slot: int, account: int, email: int) -> tuple[bytes, bytes]:
    """Range of an account's messages above an email."""
    return message(slot, account, email + 1), _ACCOUNT.pack(b"m", slot, account) + b"N"


def message_email(key: bytes) -> int:
    """The email of a message's key."""
    return int(_LOG.unpack(key)[4])


def accounts_after(slot: int, account: int) -> tuple[bytes, bytes]:
    """Range of all rows of a slot's accounts above one."""
    return _ACCOUNT.pack(b"m", slot, account + 1), _SLOT.pack(b"m", slot + 1)


def account_of(key: bytes) -> int:
    """The account of a row of that range."""
    return int(_ACCOUNT.unpack_from(key)[2])


def copies(slot: int, account: int, email: int) -> bytes:
    """Key of a message's count of further memberships."""
    return _LOG.pack(b"m", slot, account, b"C", email)


def object_(slot: int, account: int, kind: str, name: str) -> bytes:
    """Key of an object."""
    return objects(slot, account, kind)[0] + name.encode()


def objects(slot: int, account: int, kind: str) -> tuple[bytes, bytes]:
    """Range of an account's objects of a kind."""
    prefix = _ACCOUNT.pack(b"m", slot, account) + b"O" + kind.encode()
    return prefix + b"\0", prefix + b"\1"


def object_name(key: bytes) -> str:
    """The id in such a key."""
    return key[_ACCOUNT.size + 1 :].partition(b"\0")[2].decode()


def thread(slot: int, account: int, key: bytes) -> bytes:
    """Key of the thread of a message id, which is given as its hash of 8 bytes."""
    return _ACCOUNT.pack(b"m", slot, account) + b"T" + key


def grant(identifier: str, account: int) -> bytes:
    """Key that says that something of the account is shared with the identifier."""
    return b"n" + identifier.encode() + b"\0" + account.to_bytes(8, "big")


def grants(identifier: str) -> tuple[bytes, bytes]:
    """Range of all accounts that share something with the identifier."""
    prefix = b"n" + identifier.encode()
    return prefix + b"\0", prefix + b"\1"


def granting(key: bytes) -> int:
    """The account of such a key."""
    return int.from_bytes(key[-8:], "big")


def garbage(slot: int, time_ms: int, account: int, modseq: int, part: int) -> bytes:
    """Key of a list of emails that lost a membership."""
    return _GARBAGE.pack(b"g", slot, time_ms, account, modseq, part)


def garbage_before(slot: int, time_ms: int) -> tuple[bytes, bytes]:
    """Range of the lists made before a time."""
    return _SLOT.pack(b"g", slot), _SLOT.pack(b"g", slot) + time_ms.to_bytes(8, "big")


def garbage_account(key: bytes) -> int:
    """The account of a garbage key."""
    return int(_GARBAGE.unpack(key)[3])


def removed(time_ms: int, digest: bytes) -> bytes:
    """Key of a removal, by time."""
    return _REMOVED.pack(b"t", time_ms) + digest


def removed_before(time_ms: int) -> tuple[bytes, bytes]:
    """Range of the removals before a time."""
    return b"t", _REMOVED.pack(b"t", time_ms)


def removed_digest(key: bytes) -> bytes:
    """The digest of a removal's key."""
    return key[_REMOVED.size :]


def blob(digest: bytes) -> bytes:
    """Key of a small blob's bytes."""
    return b"b" + digest + b"\0"


def blob_ref(digest: bytes, account: int, email: int) -> bytes:
    """Key that says a message refers to a blob."""
    return b"b" + digest + _REF.pack(1, account, email)


def blob_refs(digest: bytes) -> tuple[bytes, bytes]:
    """Range of a blob's references."""
    return b"b" + digest + b"\1", b"b" + digest + b"\2"


def blob_removed(digest: bytes) -> bytes:
    """Key of the note that the blob store's copy was removed, and when."""
    return b"b" + digest + b"\2"


def blob_seen(digest: bytes) -> bytes:
    """Key of when the packer first saw a small blob in the store."""
    return b"b" + digest + b"\3"


def blobs_from(first: int) -> bytes:
    """The least key of blobs whose digest begins with this byte, or a greater one. 256: behind all."""
    return b"b" + bytes((first,)) if first < 256 else b"c"


def blob_part(key: bytes) -> tuple[bytes, int]:
    """The digest of a blob's key, and which of the above it is."""
    return key[1:33], key[33]


def pack(pack_id: bytes) -> bytes:
    """Key of a pack's record."""
    return b"k" + pack_id + b"\0"


def pack_live(pack_id: bytes) -> bytes:
    """Key of the count of a pack's bytes that are pointed at."""
    return b"k" + pack_id + b"\1"


def packs() -> tuple[bytes, bytes]:
    """Range of the records and counts of all packs."""
    return b"k", b"l"


def pack_part(key: bytes) -> tuple[bytes, int]:
    """The pack of such a key, and which of the two it is."""
    return key[1:-1], key[-1]
