"""What threads are made of: message ids (RFC 5322 3.6.4) and the base subject (RFC 5256 2.1).

The law: ids are without their angle brackets and never empty; a base subject is the same for a message and
for the replies to it.
"""

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from mail.message.charset import guess
from mail.message.limits import DEFAULT

if TYPE_CHECKING:
    from mail.message.record import Record

THREAD_KEYS_MAX: Final = 20  # looked up for each new message: of longer chains the nearest are enough
ID_BYTES_MAX: Final = 500  # longer ones are nobody's: a line has 998 (RFC 5322 2.1.1)
_ID: Final = re.compile(rb"<([^<>\r\n]++(?:\r?\n[ \t][^<>\r\n]*+)*)>")
_ID_ALONE: Final = re.compile(rb"[^\s<>,;]++")

_SUBJECT_CHARS_MAX: Final = 1000  # a line has 998; leaders over leaders would take quadratic time
_SPACES: Final = re.compile(r"\s+")
# subj-leader without its white space (RFC 5256 5): [blob]* re|fw|fwd [blob] ":"
_LEADER: Final = re.compile(r"(?:\[[^\[\]]*+\]\s*+)*(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?:\s*+", re.IGNORECASE)
_BLOB: Final = re.compile(r"\[[^\[\]]*+\]\s*+")
_FORWARD_TRAILER: Final = "(fwd)"
_FORWARD_HEADER: Final = "[fwd:"


def message_ids(value: bytes, ids_max: int = DEFAULT.references_max) -> tuple[str, ...]:
    """The ids of Message-ID, In-Reply-To or References, in order: the first, then the last `ids_max` - 1."""
    ids = [_id(inner) for inner in _ID.findall(value) if len(inner) <= ID_BYTES_MAX]
    if not ids and b"<" not in value:  # some leave the brackets out
        ids = [_id(word) for word in _ID_ALONE.findall(value) if b"@" in word and len(word) <= ID_BYTES_MAX]
    ids = [one for one in ids if one]
    return tuple(ids if len(ids) <= ids_max else ids[:1] + ids[len(ids) - ids_max + 1 :])


def message_id(value: bytes | None) -> str | None:
    """The one id of Message-ID, None where there is none."""
    if value is None:
        return None
    found = message_ids(value, 1)
    return found[0] if found else None


def _id(inner: bytes) -> str:
    """RFC 5256 2.1 wants ids compared without quoting and folding."""
    if b'"' in inner or b"\\" in inner:
        inner = inner.replace(b'"', b"").replace(b"\\", b"")
    return guess(b"".join(inner.split()))


def base_subject(subject: str) -> str:
    """RFC 5256 2.1: without Re:, Fwd:, [list] and (fwd); white space collapsed. Compare it folded."""
    text = _SPACES.sub(" ", subject[:_SUBJECT_CHARS_MAX]).strip()  # step 1
    while True:
        text = _without_trailers(text)
        text = _without_leaders(text)
        if text[:5].lower() == _FORWARD_HEADER and text.endswith("]"):  # step 6
            text = text[5:-1].strip()
        else:
            return text


def _without_trailers(text: str) -> str:
    """Step 2: subj-trailer, white space and (fwd)."""
    end = len(text)
    while True:
        while end and text[end - 1] == " ":
            end -= 1
        if text[max(0, end - 5) : end].lower() != _FORWARD_TRAILER:
            return text[:end]
        end -= 5


def _without_leaders(text: str) -> str:
    """Steps 3 to 5: subj-leaders, then blobs as long as something is left."""
    start = 0
    while True:
        match = _LEADER.match(text, start)
        if match is None:
            match = _BLOB.match(text, start)
            if match is None or match.end() == len(text):
                return text[start:]
        start = match.end()


def thread_keys(record: "Record") -> tuple[bytes, ...]:
    """Hashes of 8 bytes of the ids by which a message's thread is found: its own first, then those it refers to."""
    ids = (record.message_id, *record.in_reply_to, *reversed(record.references))
    wanted = dict.fromkeys(one for one in ids if one)
    return tuple(
        [blake2b(one.encode("utf-8", "surrogatepass"), digest_size=8).digest() for one in wanted][:THREAD_KEYS_MAX]
    )
