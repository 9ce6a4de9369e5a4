"""An Email object to the bytes of a message (RFC 8621 4.6).

The law: what is written is read as the object it was made of; the same object, id, date and blobs give the same
bytes. In its header and its own texts is no byte over 127 but in addresses and raw values that need it (RFC 6532).
"""

from collections.abc import Mapping
from hashlib import blake2b
from itertools import count
from typing import Final

from mail.jmap.email.checks import plan_of
from mail.jmap.email.encoded import fold, with_parameters
from mail.jmap.email.errors import Refused
from mail.jmap.email.plan import PartPlan, Plan, walk
from mail.jmap.email.transfer import Encoded, of_bytes, of_message, of_text
from mail.message.charset import decode
from mail.message.date import format_date

__all__ = ["plan_of", "write"]
CONTENT_BYTES_MAX: Final = 50 * 1024 * 1024  # what maxSizeAttachmentsPerEmail says (RFC 8621 1.3.1)
_MESSAGE: Final = "message"
_ENCAPSULATED: Final = frozenset({"rfc822", "global"})


def write(
    plan: Plan,
    blobs: Mapping[str, bytes],
    message_id: str,
    now_ms: int,
    zone_min: int = 0,
    *,
    bytes_max: int = CONTENT_BYTES_MAX,
) -> bytes:
    """The message of a plan. `message_id` (without brackets) and the time are for where the Email has none.

    Raises Refused: `blobNotFound` where `blobs` lacks one of `plan.blob_ids()`, `tooLarge` where the parts have more
    than `bytes_max` bytes of content; a blob counts as often as it is a part's.
    """
    missing = tuple(blob_id for blob_id in plan.blob_ids() if blob_id not in blobs)
    if missing:
        raise Refused("blobNotFound", f"{len(missing)} blobs were not found", not_found=missing)
    if sum(_size(part, blobs) for part in walk(plan.root)) > bytes_max:
        raise Refused("tooLarge", f"the parts have more than {bytes_max} bytes")
    written = dict(plan.fields)
    if "date" not in written:
        written = {"date": fold("Date", [format_date(now_ms, zone_min).decode("ascii")])} | written
    if "message-id" not in written:
        written["message-id"] = fold("Message-ID", [f"<{message_id}>"])
    written.setdefault("mime-version", b"MIME-Version: 1.0\r\n")
    end = b"\r\n" if plan.root.children else b""
    return b"".join([*written.values(), *_Writer(plan, blobs, message_id).entity(plan.root), end])


def _size(part: PartPlan, blobs: Mapping[str, bytes]) -> int:
    """Characters count as bytes, for a bound need not be exact."""
    return len(part.value or "") + (0 if part.blob_id is None else len(blobs[part.blob_id]))


class _Writer:
    def __init__(self, plan: Plan, blobs: Mapping[str, bytes], seed: str) -> None:
        self._blobs = blobs
        self._bodies = {id(part): self._body(part) for part in walk(plan.root) if not part.children}
        self._edge = self._free_edge(seed.encode("utf-8", "replace"))
        self._multiparts = 0

    def entity(self, part: PartPlan) -> list[bytes]:
        """The rest of the entity's header, and its body."""
        if part.children:
            return self._multipart(part)
        encoded, subtype, charset = self._bodies[id(part)]
        parameters = list(part.parameters)
        if charset is not None:
            parameters.insert(0, ("charset", charset))
        head = fold("Content-Type", with_parameters(f"{part.type}/{subtype}", parameters))
        encoding = b"Content-Transfer-Encoding: %b\r\n" % encoded.encoding.encode()
        return [head, *part.fields, encoding, b"\r\n", encoded.body]

    def _multipart(self, part: PartPlan) -> list[bytes]:
        self._multiparts += 1
        edge = f"{self._edge}_{self._multiparts:03}"  # none is the begin of another, which some readers need
        children = [self.entity(child) for child in part.children]
        parameters = [*part.parameters, ("boundary", edge)]
        pieces = [fold("Content-Type", with_parameters(f"{part.type}/{part.subtype}", parameters)), *part.fields]
        pieces.append(b"\r\n")
        line = b"--" + edge.encode()
        for child in children:
            pieces += [line, b"\r\n", *child, b"\r\n"]
        pieces += [line, b"--"]
        return pieces

    def _free_edge(self, seed: bytes) -> str:
        """What boundaries begin with: it is in no body. Who knows a message's id beforehand may have written it."""
        as_they_stand = [encoded.body for encoded, _subtype, _charset in self._bodies.values()]
        for number in count(1):
            # "=_" is in neither base64 nor quoted-printable (RFC 2045 6.7).
            edge = "=_" + blake2b(b"%d %b" % (number, seed), digest_size=12).hexdigest()
            if not any(edge.encode() in body for body in as_they_stand):
                break
        return edge

    def _body(self, part: PartPlan) -> tuple[Encoded, str, str | None]:
        """The encoded body, the subtype and the charset to write."""
        if part.blob_id is None:
            text, text_charset = of_text(part.value or "")
            return text, part.subtype, text_charset
        data = self._blobs[part.blob_id]
        if part.type == _MESSAGE:
            encoded = of_message(data)
            is_global = encoded.encoding == "base64" and part.subtype in _ENCAPSULATED
            return encoded, "global" if is_global else part.subtype, part.charset
        charset = part.charset
        if part.type == "text" and charset is None and not data.isascii() and "\ufffd" not in decode(data, "utf-8"):
            charset = "utf-8"
        return of_bytes(data, is_text=part.type == "text"), part.subtype, charset
