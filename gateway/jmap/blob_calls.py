"""Blob/upload, /get and /lookup (RFC 9404 4), and Blob/copy (RFC 8620 6.3).

The law: a blob is made whole of sources that are all there, or not at all; which objects have a blob is told of those
alone that the client may see.
"""

from collections.abc import Mapping
from typing import Any, Final

from actors.mailbox.sight import Seen
from gateway.jmap import blobs, uploads
from gateway.jmap.beside import threaded
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Reached, Turn
from gateway.web.answers import OCTETS
from mail.jmap.errors import MethodError, SetError, invalid_arguments, invalid_properties
from mail.jmap.limits import Limits
from mail.jmap.methods import special
from mail.jmap.objects.blob import DIGESTS, Piece, check_digests, described, read_upload
from mail.jmap.objects.names import unasked

TYPES: Final = ("Email", "Mailbox", "Thread")  # what is looked up (RFC 9404 4.3)


def capability(limits: Limits) -> dict[str, Any]:
    """The value of `urn:ietf:params:jmap:blob` for an account (RFC 9404 3)."""
    return {
        "maxSizeBlobSet": limits.blob_max_bytes,
        "maxDataSources": limits.data_sources_max,
        "supportedTypeNames": list(TYPES),
        "supportedDigestAlgorithms": list(DIGESTS),
    }


async def upload(turn: Turn, asked: special.BlobUpload) -> Answer:
    """RFC 9404 4.1."""
    reached = await turn.reach(asked.account_id)
    turn.created.need_room(len(asked.create))
    reader, outcome = blobs.Reader(turn, reached), Outcome()

    async def make(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        read = read_upload(given, turn.created, turn.limits)
        data = await _made(reader, read.pieces, turn.limits.blob_max_bytes)
        blob = await uploads.keep(turn.services, turn.account, data, read.type or OCTETS)
        turn.created.add(name, blob)
        return {"id": blob, "type": read.type, "size": len(data)}

    await each(asked.create, make, outcome.created, outcome.not_created)
    return {
        "accountId": asked.account_id,
        "created": outcome.created or None,
        "notCreated": outcome.not_created or None,
    }


async def _made(reader: blobs.Reader, pieces: tuple[Piece, ...], most: int) -> bytes:
    """Raises SetError."""
    made = bytearray()
    for piece in pieces:
        octets = memoryview(piece.octets) if piece.octets is not None else await _range(reader, piece)
        if len(made) + len(octets) > most or reader.left < 0:
            raise SetError("tooLarge", maxSize=most)
        made += octets
    return bytes(made)


async def _range(reader: blobs.Reader, piece: Piece) -> memoryview:
    octets = await reader.read(piece.blob)
    if octets is None:
        raise SetError("blobNotFound", notFound=[piece.blob])
    end = len(octets) if piece.length is None else piece.offset + piece.length
    if piece.offset > len(octets) or end > len(octets):
        raise invalid_properties({"data": "a range is not within its blob"})
    return memoryview(octets)[piece.offset : end]


async def get(turn: Turn, asked: special.BlobGet) -> Answer:
    """RFC 9404 4.2."""
    reached = await turn.reach(asked.account_id)
    check_digests(asked.properties)
    properties = asked.properties if asked.properties is not None else unasked("Blob", turn.using)
    wanted = turn.wanted(asked)
    if wanted is None:
        raise invalid_arguments("Blobs are to be named.", "ids")
    reader, told, missing = blobs.Reader(turn, reached), [], []
    for blob in wanted:
        octets = await reader.read(blob)
        if octets is None:
            missing.append(blob)
            continue
        if reader.left < 0:
            raise MethodError("requestTooLarge", "These blobs are too large to be read at once.")
        one = await threaded(len(octets), described, blob, octets, properties, asked.offset, asked.length)
        turn.answers(sum(len(value) for value in one.values() if isinstance(value, str)))
        told.append(one)
    return {"accountId": asked.account_id, "list": told, "notFound": missing}


async def lookup(turn: Turn, asked: special.BlobLookup) -> Answer:
    """RFC 9404 4.3: what is not there, or not to be seen, has an empty list for each type; its example has it in
    `notFound`, and here it is in both."""
    reached = await turn.reach(asked.account_id)
    if unknown := [name for name in asked.type_names if name not in TYPES]:
        raise MethodError("unknownDataType", f"Blobs are not looked up in {unknown[0][:100]!r}.")
    reader, told, missing = blobs.Reader(turn, reached), [], []
    for name in dict.fromkeys(asked.ids):
        blob = turn.created.find(name)
        if blob is None:  # no id at all
            missing.append(name)
            continue
        there = await reader.there(blob)
        if reader.left < 0:
            raise MethodError("requestTooLarge", "These blobs are too large to be looked up at once.")
        if not there:
            missing.append(name)
        email = blobs.email_of(reached, blob) if there else None
        seen = (await turn.sight(reached)).find([email]).get(email) if email is not None else None
        told.append({"id": blob, "matchedIds": {kind: _ids(reached, kind, seen) for kind in asked.type_names}})
    return {"accountId": asked.account_id, "list": told, "notFound": missing}


def _ids(reached: Reached, kind: str, seen: Seen | None) -> list[str]:
    """The objects of a type that the blob of an email is in."""
    if seen is None:
        return []
    if kind == "Email":
        return [reached.email_id(seen.email)]
    if kind == "Thread":
        return [reached.thread_id(seen.thread)]
    return [reached.mailbox_id(number) for number in seen.mailboxes]


async def copy(turn: Turn, asked: special.BlobCopy) -> Answer:
    """RFC 8620 6.3. What was uploaded is of who did it, in all accounts that he reaches; a message's bytes are his
    like an upload from then on."""
    source = await turn.reach(asked.from_account_id, "fromAccountNotFound")
    await turn.reach(asked.account_id)
    reader, outcome = blobs.Reader(turn, source), Outcome()

    async def take(name: str, _nothing: None) -> str:
        blob = turn.created.find(name)
        if blob is not None and await uploads.find(turn.services, turn.account, blob) is not None:
            return blob
        data = await reader.read(blob) if blob is not None else None
        if data is None:
            raise SetError("notFound")
        if reader.left < 0:
            raise SetError("tooLarge", "This is too much to be copied at once.")
        return await uploads.keep(turn.services, turn.account, data, OCTETS)

    await each(dict.fromkeys(asked.blob_ids), take, outcome.created, outcome.not_created)
    return {
        "fromAccountId": asked.from_account_id,
        "accountId": asked.account_id,
        "copied": outcome.created or None,
        "notCopied": outcome.not_created or None,
    }
