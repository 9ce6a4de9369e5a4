"""The little the gateway reads and adds in a header at submission (RFC 6409 8) and for telling a retry: no parser.

A message is changed only by adding fields in front; what the author wrote stays byte for byte.
"""

import re
from email.utils import getaddresses

_VALUE = re.compile(rb"[ \t]*:[ \t]*([^\r]*(?:\r\n[ \t][^\r]*)*)")
MESSAGE_ID_BYTES_MAX = 998
FROM_BYTES_MAX = 64 * 1024  # an author list longer than this is an attack


def fields(head: bytes, name: bytes) -> list[bytes]:
    """The values of all fields of a name."""
    lowered, wanted = b"\r\n" + head.lower(), b"\r\n" + name.lower()
    found = []
    at = lowered.find(wanted)
    while at >= 0:
        at += len(name)  # behind the name, as `head` counts, which is without the CRLF in front
        if value := _VALUE.match(head, at):
            found.append(value[1].strip())
            at = value.end()
        at = lowered.find(wanted, at)
    return found


def message_id(head: bytes) -> str:
    """The Message-ID without its brackets; empty where there is none or it is no text of bounded length."""
    found = fields(head, b"Message-ID")
    if not found or len(found[0]) > MESSAGE_ID_BYTES_MAX:
        return ""
    text = found[0].decode("utf-8", "replace").strip().strip("<>")
    return text if len(text.encode()) <= MESSAGE_ID_BYTES_MAX else ""


def tls_not_required(head: bytes) -> bool:
    """Whether the author does without TLS (RFC 8689 5): `TLS-Required: No`."""
    return [value.lower() for value in fields(head, b"TLS-Required")] == [b"no"]


def authors(head: bytes) -> list[str] | None:
    """The addresses of From; None when it is missing, repeated, or cannot be read."""
    values = fields(head, b"From")
    if len(values) != 1 or len(values[0]) > FROM_BYTES_MAX:
        return None
    text = values[0].replace(b"\r\n", b"").decode("utf-8", "replace")
    try:
        addresses = [address for _, address in getaddresses([text])]
    except RecursionError:  # thousands of comments in one another
        return None
    return addresses if addresses and all("@" in address for address in addresses) else None


def missing(head: bytes, *, date: str, message_id: str) -> bytes:
    """Date and Message-ID for a message that came without (RFC 6409 8.2, 8.3)."""
    added = b""
    if not fields(head, b"Date"):
        added += f"Date: {date}\r\n".encode()
    if not fields(head, b"Message-ID"):
        added += f"Message-ID: <{message_id}>\r\n".encode()
    return added
