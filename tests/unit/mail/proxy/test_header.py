"""The two forms of the header: what is read from them, what is refused, and what may be read of a stream."""

import pytest

from mail.proxy import BadHeader, Endpoint, Header, Tls, parse, wanted
from mail.proxy.crc32c import crc32c

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + (40000).to_bytes(2, "big") + (25).to_bytes(2, "big")
V6 = bytes.fromhex("20010db8" + "0" * 23 + "1") + bytes.fromhex("20010db8" + "0" * 23 + "2") + V4[8:]


def v2(body: bytes, family: int = 0x11, command: int = 0x21, size: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + (len(body) if size is None else size).to_bytes(2, "big") + body


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def summed(body: bytes) -> bytes:
    """With a checksum behind the addresses."""
    header = v2(body + tlv(3, bytes(4)))
    return header[:-4] + crc32c(header).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "source", "destination"),
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n", ("192.0.2.7", 40000), ("198.51.100.1", 25)),
        (b"PROXY TCP6 2001:DB8::1 2001:db8:0::2 40000 25\r\n", ("2001:db8::1", 40000), ("2001:db8::2", 25)),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 0\r\n", ("192.0.2.7", 1), ("::1", 0)),
        (b"PROXY UNKNOWN\r\n", None, None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None, None),
        (v2(V4), ("192.0.2.7", 40000), ("198.51.100.1", 25)),
        (v2(V6, 0x21), ("2001:db8::1", 40000), ("2001:db8::2", 25)),
        (v2(V4 + tlv(4, b"abc")), ("192.0.2.7", 40000), ("198.51.100.1", 25)),
        (v2(b"", 0x00, 0x20), None, None),
        (v2(b"whatever", 0x11, 0x20), None, None),
        (v2(b"", 0x00), None, None),
        (v2(V4, 0x12), None, None),
        (v2(bytes(216), 0x31), None, None),
        (summed(V4), ("192.0.2.7", 40000), ("198.51.100.1", 25)),
    ],
)
def test_read(data: bytes, source: tuple[str, int] | None, destination: tuple[str, int] | None) -> None:
    header = parse(data + b"EHLO a\r\n")
    assert header is not None
    assert header[:3] == (len(data), source and Endpoint(*source), destination and Endpoint(*destination))


@pytest.mark.parametrize("data", [b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n", v2(V4 + tlv(4, b"x" * 30))])
def test_byte_by_byte_nothing_behind_it_is_wanted(data: bytes) -> None:
    had = b""
    while (header := parse(had)) is None:
        step = wanted(had) - len(had)
        assert 0 < step <= len(data) - len(had)
        had += data[len(had) : len(had) + step]
    assert header.size == len(had) == len(data)
    assert all(parse(data[:size]) is None for size in range(len(data)))


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO a\r\n",
        b"\x16\x03\x01",  # TLS
        b"proxy TCP4 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY  TCP4 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 65536\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 040 25\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 40000 25\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY UNKNOWN " + b"x" * 100,
        SIGNATURE + b"\x11\x11\x00\x0c" + V4,  # version 1 in binary
        SIGNATURE + b"\x22\x11\x00\x0c" + V4,  # no such command
        SIGNATURE + b"\x21\x41\x00\x0c" + V4,  # no such family
        SIGNATURE + b"\x21\x13\x00\x0c" + V4,  # no such protocol
        v2(V4[:-1]),
        v2(b"", 0x11),
        v2(V4 + b"\x04"),
        v2(V4 + b"\x04\x00\x05abc"),
        v2(V4, size=0xFFFF),
        v2(V4 + tlv(3, bytes(4))),
        v2(V4 + tlv(3, bytes(3))),
        v2(V4 + tlv(0x20, b"\x01\0\0")),
        v2(V4 + tlv(0x20, b"\x01\0\0\0\0" + b"\x21\x00\x09TLS")),
        summed(V4)[:-1] + bytes([summed(V4)[-1] ^ 1]),
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        parse(data)


def test_what_else_is_told() -> None:
    inner = tlv(0x21, b"TLSv1.3") + tlv(0x23, b"TLS_AES_128_GCM_SHA256") + tlv(0x22, "Jörg\n".encode())
    body = V4 + tlv(2, b"mx.example") + tlv(0x20, b"\x07\0\0\0\0" + inner)
    assert parse(v2(body)) == Header(
        16 + len(body),
        Endpoint("192.0.2.7", 40000),
        Endpoint("198.51.100.1", 25),
        "mx.example",
        Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "Jörg?", True),
    )


@pytest.mark.parametrize(
    ("client", "verify", "tls"),
    [(b"\0", 0, None), (b"\x01", 0, Tls()), (b"\x03", 1, Tls()), (b"\x05", 0, Tls(verified=True))],
)
def test_a_client_is_only_verified_where_it_had_a_certificate(client: bytes, verify: int, tls: Tls | None) -> None:
    header = parse(v2(V4 + tlv(0x20, client + verify.to_bytes(4, "big"))))
    assert header is not None
    assert header.tls == tls
