"""A report out of what it was sent in: gzip, zip, or nothing.

The law: never more than REPORT_BYTES_MAX comes out of anything, and no more is worked for: what claims or turns out to
be larger is refused, however small it came.
"""

import io
import zipfile
import zlib
from typing import Final

from mail.reports.errors import ReportError

REPORT_BYTES_MAX: Final = 32 * 1024 * 1024  # the largest of real senders are a few MB
PACKED_BYTES_MAX: Final = 16 * 1024 * 1024
ZIP_FILES_MAX: Final = 20  # looked at in an archive, for the one that is a report
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_EITHER_HEADER: Final = 32  # zlib: gzip or zlib, told by the first bytes


def unpacked(data: bytes) -> bytes:
    """The report's own bytes. Raises ReportError."""
    if len(data) > PACKED_BYTES_MAX:
        raise ReportError(f"a report of {len(data)} bytes is too large")
    if data.startswith(_GZIP):
        return _gunzip(data)
    if data.startswith(_ZIP):
        return _unzip(data)
    return data


def gzipped(data: bytes) -> bytes:
    """The same bytes for sending: no name and no time in it, so that the same report is the same file."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _gunzip(data: bytes) -> bytes:
    pieces: list[bytes] = []
    room = REPORT_BYTES_MAX
    while data.startswith(_GZIP):  # members may follow one another (RFC 1952 2.2); anything else behind one is padding
        unpacker = zlib.decompressobj(_EITHER_HEADER + zlib.MAX_WBITS)
        try:
            piece = unpacker.decompress(data, room + 1)
        except zlib.error as error:
            raise ReportError(f"its gzip is damaged: {error}") from error
        if len(piece) > room:
            raise ReportError(f"it unpacks to more than {REPORT_BYTES_MAX} bytes")
        if not unpacker.eof:
            raise ReportError("its gzip ends too early")
        pieces.append(piece)
        room -= len(piece)
        data = unpacker.unused_data
    return b"".join(pieces)


def _unzip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _first_file(archive)
    except Exception as error:
        raise ReportError(f"its zip is damaged: {type(error).__name__}") from error
    if found is None:
        raise ReportError("its zip is empty")
    if len(found) > REPORT_BYTES_MAX:
        raise ReportError(f"it unpacks to more than {REPORT_BYTES_MAX} bytes")
    return found


def _first_file(archive: zipfile.ZipFile) -> bytes | None:
    """The contents, or the beginning of what is too large."""
    for entry in archive.infolist()[:ZIP_FILES_MAX]:
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX"):
            with archive.open(entry) as file:
                return file.read(REPORT_BYTES_MAX + 1)
    return None
