"""The envelope of an Email, and the Email as it is sent (RFC 8621 7, 7.5).

The law: an envelope that is made here has the addresses of the header and no others; what leaves has no Bcc.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateway.smtp.header import authors
from mail.jmap.errors import SetError
from mail.message.address import mailboxes, parse_addresses
from mail.message.header import fields, header_end, values

_BCC: Final = b"bcc"
_DESTINATIONS: Final = (b"to", b"cc", _BCC)


def envelope_of(raw: bytes, identity: str) -> dict[str, Any]:
    """Of a message. `identity`: the address that is put for a sender's that is another. Raises SetError."""
    head = raw[: header_end(raw, 0, len(raw))]
    recipients: dict[str, str] = {}
    for name in _DESTINATIONS:
        for address in _addresses(values(head, name)):
            local, _, domain = address.rpartition("@")
            recipients.setdefault(f"{local}@{domain.lower()}", address)
    sender = _sender(head)
    if sender.lower() != identity.lower():
        sender = identity
    return {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": address, "parameters": None} for address in recipients.values()],
    }


def check_author(raw: bytes) -> None:
    """Whether it has a From that somebody can be judged by. Raises SetError."""
    if authors(raw[: header_end(raw, 0, len(raw))]) is None:
        raise SetError("invalidEmail", "From is missing, repeated, or cannot be read.", properties=["from"])


def without_bcc(raw: bytes) -> bytes:
    """The message as it leaves."""
    end = header_end(raw, 0, len(raw))
    hidden = [field for field in fields(raw, 0, end) if field.name.lower() == _BCC]
    kept, at = [], 0
    for field in hidden:
        kept.append(raw[at : field.start])
        at = field.end
    return b"".join([*kept, raw[at:]]) if hidden else raw


def _sender(head: bytes) -> str:
    """RFC 8621 7: of Sender, else of From; each is there once, and has one address."""
    for name in (b"sender", b"from"):
        found = values(head, name)
        if found:
            addresses = _addresses(found)
            if len(found) > 1 or len(addresses) != 1:
                wrong = f"{name.decode().title()} is not one address; say who sends it in the envelope."
                raise SetError("invalidEmail", wrong, properties=[name.decode()])
            return addresses[0]
    raise SetError("invalidEmail", "There is no From.", properties=["from"])


def _addresses(found: Iterable[bytes]) -> list[str]:
    return [one.email for value in found for one in mailboxes(parse_addresses(value))]
