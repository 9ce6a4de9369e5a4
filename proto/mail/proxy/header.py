"""One header: from its bytes to where the connection came from.

The law: anything that is not exactly such a header is an error, never guessed at; a header that names no address
(LOCAL, UNKNOWN, UNSPEC, a Unix socket) leaves the connection with the address it has.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mail.proxy.crc32c import crc32c

V1_BYTES_MAX: Final = 107  # 2.1: the longest line, with its CRLF
V2_BYTES_MAX: Final = 16 + 4096  # the length field could say 65,535; two Unix paths and all registered TLVs take 1 kB
NAME_BYTES_MAX: Final = 255  # of what is taken over from a TLV: a host name, a cipher, a common name
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V1_START: Final = b"PROXY "
_V1: Final = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_V1_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_ADDRESS_BYTES: Final = {0: 0, 1: 4, 2: 16, 3: 108}  # of one, by family (2.2)
_CRC32C, _AUTHORITY, _SSL = 0x03, 0x02, 0x20
_SSL_VERSION, _SSL_CN, _SSL_CIPHER = 0x21, 0x22, 0x23


class BadHeader(ValueError):
    """These bytes are no PROXY header; the connection must be ended."""


class Endpoint(NamedTuple):
    """An IP address in its shortest form, and a port."""

    ip: str
    port: int


class Tls(NamedTuple):
    """What PP2_TYPE_SSL says of the client's TLS with the relay (2.2.6). `verified`: its certificate was."""

    version: str = ""
    cipher: str = ""
    common_name: str = ""
    verified: bool = False


class Header(NamedTuple):
    """A header. `source`: None where the connection keeps the address it has. `size`: of the header, in bytes."""

    size: int
    source: Endpoint | None = None
    destination: Endpoint | None = None
    authority: str = ""
    tls: Tls | None = None


def wanted(data: bytes) -> int:
    """How many bytes the header has at least, by what has come: so many may be read without taking the client's."""
    if data.startswith(_SIGNATURE) and len(data) >= 16:
        return 16 + int.from_bytes(data[14:16], "big")
    if data.startswith(_V1_START):
        end = data.find(b"\n")
        return end + 1 if end >= 0 else len(data) + 1
    return 15 if len(data) < 15 else 16  # the shortest line is `PROXY UNKNOWN\r\n`


def parse(data: bytes) -> Header | None:
    """The header at the beginning of `data`; None when it has not come whole. Raises BadHeader."""
    if data.startswith(_SIGNATURE[: len(data)]):
        return _parse_v2(data) if len(data) >= 16 else None
    if not data.startswith(_V1_START[: len(data)]):
        raise BadHeader("no PROXY header")
    end = data.find(b"\n", 0, V1_BYTES_MAX)
    if end < 0 and len(data) >= V1_BYTES_MAX:
        raise BadHeader("line too long")
    return _parse_v1(data[: end + 1]) if end >= 0 else None


def _parse_v1(line: bytes) -> Header:
    if _V1_UNKNOWN.fullmatch(line):
        return Header(len(line))
    found = _V1.fullmatch(line)
    if found is None:
        raise BadHeader("line cannot be read")
    family, source, destination, *ports = found.groups()
    version = 4 if family == b"TCP4" else 6
    return Header(
        len(line), _endpoint(source, ports[0], version=version), _endpoint(destination, ports[1], version=version)
    )


def _endpoint(ip: bytes, port: bytes, *, version: int) -> Endpoint:
    try:
        address = ipaddress.ip_address(ip.decode())
    except ValueError:
        raise BadHeader("address cannot be read") from None
    if address.version != version or int(port) > 65535 or (len(port) > 1 and port.startswith(b"0")):
        raise BadHeader("address or port of another kind")
    return Endpoint(_shortest(address), int(port))


def _parse_v2(data: bytes) -> Header | None:
    version, command, family = data[12] >> 4, data[12] & 15, data[13] >> 4
    size = 16 + int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1 or family > 3 or data[13] & 15 > 2:
        raise BadHeader("version, command or family unknown")
    if size > V2_BYTES_MAX:
        raise BadHeader("header too long")
    if len(data) < size:
        return None
    whole = data[:size]
    if command == 0:
        return Header(size)  # 2.2: LOCAL; whatever follows is to be discarded
    width = _ADDRESS_BYTES[family]
    after = 16 + 2 * width + (4 if family in {1, 2} else 0)
    if after > size:
        raise BadHeader("addresses cut off")
    source, destination = _addresses(whole, width) if data[13] in {0x11, 0x21} else (None, None)
    tlvs = dict(_tlvs(whole, after))
    _check_sum(whole, after)
    return Header(
        size,
        source,
        destination,
        _text(tlvs.get(_AUTHORITY, b"")),
        _tls(tlvs[_SSL]) if _SSL in tlvs else None,
    )


def _addresses(data: bytes, width: int) -> tuple[Endpoint, Endpoint]:
    ips = (ipaddress.ip_address(data[at : at + width]) for at in (16, 16 + width))
    ports = (int.from_bytes(data[at : at + 2], "big") for at in (16 + 2 * width, 18 + 2 * width))
    source, destination = (Endpoint(_shortest(ip), port) for ip, port in zip(ips, ports, strict=True))
    return source, destination


def _shortest(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def _tlvs(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Type and value of each. Raises BadHeader when the last does not end where the header does."""
    while at < len(data):
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        if at + 3 > len(data) or end > len(data):
            raise BadHeader("TLV cut off")
        yield data[at], data[at + 3 : end]
        at = end


def _check_sum(data: bytes, at: int) -> None:
    """2.2.3: where there is a checksum, it is over the header with zeros in its place."""
    for kind, value in _tlvs(data, at):
        at += 3 + len(value)
        if kind != _CRC32C:
            continue
        if len(value) != 4 or crc32c(data[: at - 4] + bytes(4) + data[at:]) != int.from_bytes(value, "big"):
            raise BadHeader("checksum is wrong")
        return


def _tls(value: bytes) -> Tls | None:
    """2.2.6: client (1 byte), verify (4), then TLVs."""
    if len(value) < 5:
        raise BadHeader("TLS cut off")
    if not value[0] & 1:
        return None
    inner = dict(_tlvs(value, 5))
    version, cipher, name = (_text(inner.get(kind, b"")) for kind in (_SSL_VERSION, _SSL_CIPHER, _SSL_CN))
    has_certificate = value[0] & 6 != 0
    return Tls(version, cipher, name, has_certificate and not any(value[1:5]))


def _text(value: bytes) -> str:
    """For logs: printable, and not longer than such a thing can be."""
    text = value[:NAME_BYTES_MAX].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)
