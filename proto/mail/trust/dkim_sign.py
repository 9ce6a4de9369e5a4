"""Signing: DKIM-Signature fields for a message (RFC 6376 5), several at once (RFC 8463 5: RSA and Ed25519 together).

The law: the message is signed as it is, byte for byte, and must leave so: with CRLF at every line's end. What is
written here reads back as what was meant (`dkim_signature.read`), and goes in front of the message.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from mail.trust.dkim_canon import Form, Signable, canonical_field, signed_fields
from mail.trust.dkim_keys import PrivateKey, algorithm_of, made

# RFC 6376 5.4.1, and the fields of MIME and of mailing lists (RFC 8058 4 wants the last two signed).
HEADERS: Final = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Sender",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)
# Named once more than they are there, so that none can be added (RFC 6376 8.15). Not what lists add rightly.
OVERSIGNED: Final = frozenset(
    {"From", "To", "Cc", "Subject", "Date", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
)

LINE: Final = 76  # characters; RFC 5322 2.1.1 wants at most 78
INSTANCES_MAX: Final = 50  # of one field that are named: h= stays short, whatever the message holds


class SigningKey(NamedTuple):
    """A private key and where its public half is. Domain and selector in A-labels."""

    domain: str
    selector: str
    key: PrivateKey

    @property
    def algorithm(self) -> str:
        """What a= says."""
        return algorithm_of(self.key)


def sign(
    message: bytes | Signable,
    keys: Iterable[SigningKey],
    now_s: int,
    *,
    headers: Sequence[str] = HEADERS,
    oversigned: Collection[str] = OVERSIGNED,
    forms: tuple[Form, Form] = ("relaxed", "relaxed"),
    expire_s: int = 0,
) -> bytes:
    """The fields to put in front of the message, one for each key, in the order of the keys.

    `forms` are header's and body's canonicalization; `expire_s` 0: no x=. From is always signed.
    """
    signable = message if isinstance(message, Signable) else Signable(message)
    names = signed_names(signable, headers, oversigned)
    signed = b""
    for key in keys:
        tags = [
            ("v", "1"),
            ("a", key.algorithm),
            ("c", "/".join(forms)),
            ("d", key.domain),
            ("s", key.selector),
            ("t", str(now_s)),
            *([("x", str(now_s + expire_s))] if expire_s else []),
        ]
        signed += over_the_message(signable, "DKIM-Signature", tags, names, forms, key)
    return signed


def signed_names(message: Signable, headers: Sequence[str], oversigned: Collection[str]) -> list[str]:
    """What h= names: each field of the list as often as it is there, and once more where none may be added."""
    there = Counter(field.name for field in message.fields)
    more = {name.lower() for name in oversigned} | {"from"}
    wanted = dict.fromkeys(["From", *headers])
    seen: set[str] = set()
    names: list[str] = []
    for name in wanted:
        low = name.lower()
        if low not in seen:
            names += [name] * (min(there[low.encode()], INSTANCES_MAX) + (low in more))
            seen.add(low)
    return names


def over_the_message(
    message: Signable,
    field: str,
    tags: Iterable[tuple[str, str]],
    names: Sequence[str],
    forms: tuple[Form, Form],
    key: SigningKey,
) -> bytes:
    """A field that signs header and body: `tags`, h=, bh= and b=."""
    body_hash = base64.b64encode(message.hashed(forms[1])).decode()
    text = unsigned(field, [*tags, ("h", ":".join(names)), ("bh", body_hash)])
    low = [name.lower().encode() for name in names]
    covered = signed_fields(message, low, forms[0]) + canonical_field(text, forms[0]).removesuffix(b"\r\n")
    return finished(text, covered, key)


def unsigned(field: str, tags: Iterable[tuple[str, str]]) -> bytes:
    """A field folded into lines, without its CRLF, up to an empty b=."""
    lines, line = [], f"{field}:"
    for name, value in (*tags, ("b", "")):
        head, *further = _pieces(name, value)
        if len(line) + 1 + len(head) > LINE:
            lines.append(line)
            line = "\t" + head
        else:
            line += " " + head
        for piece in further:
            if len(line) + len(piece) > LINE:
                lines.append(line)
                line = "\t" + piece
            else:
                line += piece
    return "\r\n".join([*lines, line]).removesuffix(";").encode()


def _pieces(name: str, value: str) -> list[str]:
    """A tag, where it may be folded: h= after its colons."""
    words = f"{name}={value};".split(":")
    return [f"{word}:" for word in words[:-1]] + [words[-1]]


def finished(text: bytes, covered: bytes, key: SigningKey) -> bytes:
    """The field with its signature over what is covered, folded, and its CRLF."""
    encoded = base64.b64encode(made(key.key, hashlib.sha256(covered).digest()))
    room = max(1, LINE - len(text.rpartition(b"\r\n")[2]))
    pieces = [encoded[:room], *(encoded[at : at + LINE - 1] for at in range(room, len(encoded), LINE - 1))]
    return text + b"\r\n\t".join(pieces) + b"\r\n"
