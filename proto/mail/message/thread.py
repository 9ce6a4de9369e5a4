"""What threads are made of: message ids (RFC 5322 3.6.4), keys of them, and the base subject (RFC 5256 2.1).

The law: ids are without their angle brackets and never empty; a base subject is the same for a message and
for the replies to it; a key depends on its id alone.
"""

import re
from hashlib import blake2b
from typing import Final, Protocol

from mail.message.charset import guess
from mail.message.limits import DEFAULT

ID_BYTES_MAX: Final = 500  # longer ones are nobody's: a line has 998 (RFC 5322 2.1.1)
KEY_BYTES: Final = 8
THREAD_KEYS_MAX: Final = 20  # looked up for each new message: of longer chains the nearest are enough
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


def _id(inner: bytes) -> str:
    """RFC 5256 2.1 wants ids compared without quoting and folding."""
    if b'"' in inner or b"\\" in inner:
        inner = inner.replace(b'"', b"").replace(b"\\", b"")
    return guess(b"".join(inner.split()))


class Threaded(Protocol):
    """What threads need of a record (mail.message.record.Record)."""

    @property
    def message_id(self) -> str | None:
        """Its own id."""
        ...

    @property
    def in_reply_to(self) -> tuple[str, ...]:
        """Ids of In-Reply-To."""
        ...

    @property
    def references(self) -> tuple[str, ...]:
        """Ids of References, the parent last."""
        ...


def parents_of(record: Threaded) -> tuple[str, ...]:
    """The ancestors that RFC 5256 3 threads by, the parent last: References, else the first id of In-Reply-To.

    Only the first, for e-mail addresses follow it in some In-Reply-To fields and look the same.
    """
    return record.references or record.in_reply_to[:1]


def thread_keys(record: Threaded) -> tuple[bytes, ...]:
    """What finds the thread of a new message (THREADID, RFC 8474 5.2): keys of ids, the likeliest first.

    The message's own id (for copies, and for replies that came before it), its parent, its other ancestors from
    the nearest on; at most THREAD_KEYS_MAX keys of KEY_BYTES bytes, none twice.
    """
    ids: list[str] = [record.message_id] if record.message_id else []
    ids += record.in_reply_to[:1]
    ids += record.references[: -THREAD_KEYS_MAX - 1 : -1]
    if len(ids) > 1:
        ids = [*dict.fromkeys(ids)][:THREAD_KEYS_MAX]
    return tuple([blake2b(one.encode(), digest_size=KEY_BYTES).digest() for one in ids])


def base_subject(subject: str) -> str:
    """RFC 5256 2.1: without Re:, Fwd:, [list] and (fwd); white space collapsed. Compare it folded."""
    return _extract(subject)[0]


def is_reply(subject: str) -> bool:
    """Whether the subject is a reply's or a forward's: its base is without a Re:, Fwd: or (fwd) (RFC 5256 3)."""
    return _extract(subject)[1]


def _extract(subject: str) -> tuple[str, bool]:
    """The base subject, and whether more than white space and blobs was taken off."""
    text = _SPACES.sub(" ", subject[:_SUBJECT_CHARS_MAX]).strip()  # step 1
    replied = False
    while True:
        text, had_trailer = _without_trailers(text)
        text, had_leader = _without_leaders(text)
        replied = replied or had_trailer or had_leader
        if text[:5].lower() == _FORWARD_HEADER and text.endswith("]"):  # step 6
            text, replied = text[5:-1].strip(), True
        else:
            return text, replied


def _without_trailers(text: str) -> tuple[str, bool]:
    """Step 2: subj-trailer, white space and (fwd). Whether a (fwd) was there."""
    end, found = len(text), False
    while True:
        while end and text[end - 1] == " ":
            end -= 1
        if text[max(0, end - 5) : end].lower() != _FORWARD_TRAILER:
            return text[:end], found
        end, found = end - 5, True


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5: subj-leaders, then blobs as long as something is left. Whether a Re: or Fwd: was there."""
    start, found = 0, False
    while True:
        match = _LEADER.match(text, start)
        if match is not None:
            found = True
        else:
            match = _BLOB.match(text, start)
            if match is None or match.end() == len(text):
                return text[start:], found
        start = match.end()
