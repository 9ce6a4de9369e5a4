"""Bombs and damage: refused within bounds; what was packed comes out."""

import io
import zipfile
import zlib

import pytest

from mail.reports import unpack
from mail.reports.errors import ReportError
from mail.reports.unpack import gzipped, unpacked


def test_gzip_and_nothing() -> None:
    assert unpacked(gzipped(b"report")) == b"report"
    assert unpacked(gzipped(b"one ") + gzipped(b"two") + b"\0padding") == b"one two"
    assert unpacked(b"<feedback>") == b"<feedback>"


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def test_the_first_file_of_an_archive() -> None:
    assert unpacked(zipped(("d/", b""), ("__MACOSX/x", b"no"), ("../../etc/passwd", b"report"))) == b"report"


@pytest.mark.parametrize("bomb", ["gzip", "zip", "members", "size"])
def test_bombs_are_refused_before_they_grow(monkeypatch: pytest.MonkeyPatch, bomb: str) -> None:
    monkeypatch.setattr(unpack, "REPORT_BYTES_MAX", 1_000_000)
    zeros = bytes(1_500_000)
    data = {
        "gzip": gzipped(zeros),
        "zip": zipped(("x", zeros)),
        "members": gzipped(zeros[:400_000]) * 3,
        "size": bytes(unpack.PACKED_BYTES_MAX + 1),
    }[bomb]
    with pytest.raises(ReportError, match=r"more than|too large"):
        unpacked(data)


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8b", gzipped(b"x" * 1000)[:-20], b"\x1f\x8bgarbage" * 9, b"PK\x03\x04" + bytes(60), zipped(("d/", b""))],
)
def test_what_is_damaged_is_told(data: bytes) -> None:
    with pytest.raises(ReportError):
        unpacked(data)


def test_the_same_report_is_the_same_file() -> None:
    assert gzipped(b"x") == gzipped(b"x")
    assert zlib.decompress(gzipped(b"x"), 31) == b"x"
