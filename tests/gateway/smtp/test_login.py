"""Logging in over real TLS: SCRAM bound to the certificate and to the connection, and tokens."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.facts import AtHello
from gateway.smtp.settings import OfferSettings
from tests.gateway.smtp.conftest import Start
from tests.gateway.smtp.test_server import read_reply
from tests.unit.gateway.smtp.fakes import ALICE

PLUS = OfferSettings(mechanisms=AtHello.of(("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Client:
    """A submission client over implicit TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    async def say(self, line: str) -> str:
        self._writer.write(line.encode() + b"\r\n")
        return await read_reply(self._reader)

    async def scram(self, kind: str, bound: bytes, name: str = "SCRAM-SHA-256-PLUS") -> str:
        """The last answer of an exchange as alice."""
        header = f"p={kind},,".encode() if kind else b"n,,"
        first = f"n={ALICE.login},r=abc".encode()
        answer = await self.say(f"AUTH {name} {b64(header + first)}")
        if not answer.startswith("334 "):
            return answer
        challenge = base64.b64decode(answer[4:])
        nonce, salt, iterations = (part[2:] for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", b"demo", base64.b64decode(salt), int(iterations))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without = b"c=" + base64.b64encode(header + bound) + b",r=" + nonce
        said = b",".join((first, challenge, without))
        signature = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
        answer = await self.say(b64(without + b",p=" + proof))
        return await self.say("") if answer.startswith("334 ") else answer

    def close(self) -> None:
        self._writer.close()


async def connect(port: int, tls: ssl.SSLContext) -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="127.0.0.1")
    await read_reply(reader)
    return Client(reader, writer)


def end_point(certificate: Path) -> bytes:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("tls-server-end-point", "235 2.7.0 Authentication succeeded"),
        ("tls-unique", ""),
        ("tls-exporter", "535 5.7.8 Authentication failed: unsupported-channel-binding-type"),
        ("wrong", "535 5.7.8 Wrong name or password"),
    ],
)
async def test_scram_plus(
    start: Start, client_tls: ssl.SSLContext, certificate: Path, version: ssl.TLSVersion, kind: str, answer: str
) -> None:
    running = await start(offer=PLUS)
    client_tls.maximum_version = version
    client = await connect(running.port["submissions"], client_tls)
    assert "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n" in await client.say("EHLO a")
    bound = end_point(certificate)
    if kind == "tls-unique":  # of TLS 1.2 only (RFC 9266 1)
        bound = client.tls.get_channel_binding("tls-unique") or b""
        bad = "535 5.7.8 Authentication failed: unsupported-channel-binding-type"
        answer = "235 2.7.0 Authentication succeeded" if version is ssl.TLSVersion.TLSv1_2 else bad
    if kind == "wrong":
        kind, bound = "tls-server-end-point", bytes(32)
    assert (await client.scram(kind, bound)).strip() == answer
    client.close()


async def test_scram_plus_after_starttls(start: Start, client_tls: ssl.SSLContext, certificate: Path) -> None:
    running = await start(offer=PLUS)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["submission"])
    await read_reply(reader)
    writer.write(b"EHLO a\r\n")
    assert "AUTH SCRAM-SHA-256\r\n" in await read_reply(reader)
    writer.write(b"STARTTLS\r\n")
    await read_reply(reader)
    await writer.start_tls(client_tls, server_hostname="127.0.0.1")
    client = Client(reader, writer)
    await client.say("EHLO a")
    assert (await client.scram("tls-server-end-point", end_point(certificate))).startswith("235 ")
    client.close()


async def test_who_could_bind_and_was_kept_from_it_is_told(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start(offer=PLUS)
    client = await connect(running.port["submissions"], client_tls)
    await client.say("EHLO a")
    answer = await client.say(f"AUTH SCRAM-SHA-256 {b64(b'y,,n=alice@example.test,r=x')}")
    assert answer.startswith("535 5.7.8 Authentication failed: server-does-support-channel-binding")
    assert (await client.scram("", b"", "SCRAM-SHA-256")).startswith("235 ")
    client.close()


async def test_tokens(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    running.fakes.directory.takes_tokens = True
    client = await connect(running.port["submissions"], client_tls)
    assert " OAUTHBEARER XOAUTH2 " in await client.say("EHLO a")
    refused = b64(b"n,a=alice@example.test,\x01auth=Bearer wrong\x01\x01")
    assert base64.b64decode((await client.say(f"AUTH OAUTHBEARER {refused}"))[4:]) == (
        b'{"status":"invalid_token","scope":"mail"}'
    )
    assert (await client.say(b64(b"\x01"))).startswith("535 5.7.8 ")
    assert (await client.say("AUTH XOAUTH2")).startswith("334 ")
    taken = b64(b"user=alice@example.test\x01auth=Bearer alices.token\x01\x01")
    assert (await client.say(taken)).startswith("235 ")
    assert all("token" not in str(fields) for _, fields in running.fakes.log.lines if "why" not in fields)
    client.close()


async def test_tokens_are_not_taken_where_nobody_knows_them(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    client = await connect(running.port["submissions"], client_tls)
    answer = await client.say("EHLO a")
    assert "OAUTH" not in answer
    assert "-PLUS" not in answer, "by default"
    assert (await client.say("AUTH XOAUTH2")).startswith("504 5.5.4 ")
    client.close()
