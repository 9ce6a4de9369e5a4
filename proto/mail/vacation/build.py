"""Writes the answer (RFC 3834 3).

The law: it says that a machine wrote it, and to which message; no text of the message it answers ends a field.
"""

from typing import Final, NamedTuple

from mail.jmap.email.create import write
from mail.jmap.email.encoded import fold, text_pieces
from mail.jmap.email.fields import BadValue, addresses, ids, token
from mail.jmap.email.plan import PartPlan, Plan
from mail.message.header import unfold, values
from mail.message.html import plain_text
from mail.message.words import decode_words

SUBJECT_CHARS_MAX: Final = 500
REFERENCES_MAX: Final = 20
DEFAULT_TEXT: Final = "I am away, and will read your message when I am back.\n"


class Wish(NamedTuple):
    """What somebody wants to be answered with; None: as we think right."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None


def build(wish: Wish, head: bytes, sender: str, author: str, *, message_id: str, now_ms: int) -> bytes:
    """The answer to the message with this header. `author`: the address that answers."""
    header = {
        "from": addresses("From", [{"name": None, "email": author}]),
        "to": addresses("To", [{"name": None, "email": sender}]),
        "subject": fold("Subject", text_pieces(wish.subject or _subject(head))),
    }
    answered = _usable(_ids(head, b"message-id")[:1])
    if answered:
        header["in-reply-to"] = ids("In-Reply-To", answered)
        earlier = _usable(_ids(head, b"references")[-REFERENCES_MAX:])
        header["references"] = ids("References", [*(one for one in earlier if one != answered[0]), *answered])
    header["auto-submitted"] = b"Auto-Submitted: auto-replied\r\n"  # RFC 3834 5
    return write(Plan(header, _body(wish)), {}, message_id, now_ms)


def _body(wish: Wish) -> PartPlan:
    """RFC 8621 8: what is not given is made of what is."""
    if wish.html is None:
        return PartPlan("text", "plain", value=DEFAULT_TEXT if wish.text is None else wish.text)
    words = plain_text(wish.html, len(wish.html)) if wish.text is None else wish.text
    if wish.text is None:
        words = "\n".join(line for line in map(str.strip, words.splitlines()) if line) + "\n"
    parts = (PartPlan("text", "plain", value=words), PartPlan("text", "html", value=wish.html))
    return PartPlan("multipart", "alternative", children=parts)


def _subject(head: bytes) -> str:
    """RFC 3834 3.1.5."""
    found = values(head, b"subject")
    text = decode_words(unfold(found[0])) if found else ""
    printable = "".join(sign if sign.isprintable() else " " for sign in text[:SUBJECT_CHARS_MAX]).strip()
    return f"Auto: {printable}" if printable else "Automatic answer"


def _ids(head: bytes, name: bytes) -> list[str]:
    found = values(head, name)
    words = unfold(found[0]).decode("utf-8", "replace").replace("<", " ").replace(">", " ") if found else ""
    return words.split()


def _usable(found: list[str]) -> list[str]:
    """Those that can be written again."""
    kept = []
    for one in found:
        try:
            kept.append(token(one, "an id"))
        except BadValue:
            continue
    return kept
