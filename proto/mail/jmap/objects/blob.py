"""Blobs made and read in method calls (RFC 9404 4).

The law: what a blob is made of is taken whole or refused whole: exactly one source in each part, base64 without
a character too many, and no more octets than the limits say.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from mail.jmap.convert import convert
from mail.jmap.creation import CreationIds
from mail.jmap.errors import SetError, invalid_arguments, invalid_properties
from mail.jmap.ids import IdOrCreated, UnsignedInt
from mail.jmap.limits import Limits

DIGESTS: Final = {"sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"""supportedDigestAlgorithms (RFC 9404 3) with the names that Python has for them."""
_DIGEST: Final = "digest:"


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    """DataSourceObject."""

    text: str | None = msgspec.field(default=None, name="data:asText")
    base64: str | None = msgspec.field(default=None, name="data:asBase64")
    blob: IdOrCreated | None = msgspec.field(default=None, name="blobId")
    offset: UnsignedInt | None = None
    length: UnsignedInt | None = None


class _Upload(msgspec.Struct, forbid_unknown_fields=True):
    """UploadObject."""

    data: list[_Source]
    type: str | None = None


class Piece(NamedTuple):
    """One part of a blob to be made: octets, or a range of another blob, to its end where `length` is None."""

    octets: bytes | None
    blob: str = ""
    offset: int = 0
    length: int | None = None


class Upload(NamedTuple):
    pieces: tuple[Piece, ...]
    type: str | None


def read_upload(given: Mapping[str, Any], created: CreationIds, limits: Limits) -> Upload:
    """An UploadObject; SetError. Ranges are not known to be inside their blobs."""
    try:
        upload = convert(given, _Upload)
    except msgspec.ValidationError as problem:
        name = "type" if "`$.type`" in str(problem) else "data"
        raise invalid_properties({name: str(problem)[:300]}) from None
    if len(upload.data) > limits.data_sources_max:
        raise invalid_properties({"data": f"there are more than {limits.data_sources_max} sources"})
    try:
        pieces = tuple([_piece(one, created) for one in upload.data])
    except ValueError as problem:
        raise invalid_properties({"data": str(problem)}) from None
    size = sum(len(piece.octets) if piece.octets is not None else piece.length or 0 for piece in pieces)
    if size > limits.blob_max_bytes:
        raise SetError("tooLarge", maxSize=limits.blob_max_bytes)
    return Upload(pieces, upload.type)


def _piece(source: _Source, created: CreationIds) -> Piece:
    if sum(one is not None for one in (source.text, source.base64, source.blob)) != 1:
        raise ValueError("a source is not exactly one of text, base64 and blob")
    if source.blob is not None:
        if (blob := created.find(source.blob)) is None:
            raise ValueError("nothing was made by that name")
        return Piece(None, blob, source.offset or 0, source.length)
    if source.offset is not None or source.length is not None:
        raise ValueError("only a blob has a range")
    if source.text is not None:
        return Piece(source.text.encode())
    try:
        return Piece(binascii.a2b_base64(source.base64 or "", strict_mode=True))
    except (binascii.Error, ValueError):
        raise ValueError("a source is not in base64") from None


def check_digests(properties: list[str] | None) -> None:
    """invalidArguments where a digest is asked for that is not supported (RFC 9404 4.2)."""
    for name in properties or ():
        if name.startswith(_DIGEST) and name.removeprefix(_DIGEST) not in DIGESTS:
            raise invalid_arguments(f"There is no {name[:100]} here.", "properties")


def described(
    blob: str, octets: bytes, properties: tuple[str, ...] | list[str], offset: int | None, length: int | None
) -> dict[str, Any]:
    """What Blob/get tells of a blob with these octets (RFC 9404 4.2)."""
    start = offset or 0
    end = len(octets) if length is None else start + length
    chosen = octets[start:end]
    told: dict[str, Any] = {"id": blob}
    if start > len(octets) or end > len(octets):
        told["isTruncated"] = True
    for name in properties:
        if name == "size":
            told["size"] = len(octets)
        elif name == "data:asBase64":
            told[name] = base64.b64encode(chosen).decode()
        elif name in ("data", "data:asText"):
            _add_text(told, name, chosen)
        elif name.startswith(_DIGEST):
            digest = hashlib.new(DIGESTS[name.removeprefix(_DIGEST)], chosen, usedforsecurity=False).digest()
            told[name] = base64.b64encode(digest).decode()
    return told


def _add_text(told: dict[str, Any], name: str, chosen: bytes) -> None:
    """Text where it is text; else `data` becomes base64, and what asked for text has null."""
    try:
        told["data:asText"] = chosen.decode()
    except UnicodeDecodeError:
        told["isEncodingProblem"] = True
        if name == "data":
            told["data:asBase64"] = base64.b64encode(chosen).decode()
        else:
            told["data:asText"] = None
