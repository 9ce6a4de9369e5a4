"""A scripted milter over real sockets: Unix, TCP and TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.certificates import self_signed, server_context
from cluster.clock import SystemClock
from cluster.errors import Misconfigured
from gateway.milter.chain import Milters, MilterSession
from gateway.milter.settings import MilterSettings
from gateway.milter.verdict import Verdict
from mail.milter.apply import Envelope, Recipient
from tests.milter_double import Answer, Double, framed, options
from tests.unit.gateway.milter.test_chain import MESSAGE, PEER, Told


class Site:
    """A listening double, and the milters that know it."""

    def __init__(self, address: str, **settings: Any) -> None:
        self.log = Told()
        self.milters = Milters(
            [MilterSettings(name="double", address=address, **settings)], clock=SystemClock(), log=self.log
        )

    async def message(self, raw: bytes = MESSAGE) -> Verdict:
        session = self.milters.session()
        assert session is not None
        try:
            return await _whole(session, raw)
        finally:
            session.close()

    @property
    def why(self) -> str:
        """Why it failed."""
        ((_, fields),) = self.log.warnings
        return str(fields["why"])


async def _whole(session: MilterSession, raw: bytes) -> Verdict:
    await session.connect(PEER)
    await session.helo("x")
    await session.mail("a@b.test")
    await session.rcpt("c@d.test")
    return await session.message(Envelope("a@b.test", (), (Recipient("c@d.test"),)), raw)


@asynccontextmanager
async def listening(
    path: Path | None = None, tls: ssl.SSLContext | None = None, answers: Mapping[str, Answer] | None = None
) -> AsyncIterator[tuple[list[Double], str]]:
    """Doubles as they are connected to, and the address."""
    doubles: list[Double] = []

    def made() -> Double:
        doubles.append(Double(answers))
        return doubles[-1]

    loop = asyncio.get_running_loop()
    if path is not None:
        server: asyncio.Server = await loop.create_unix_server(made, str(path), ssl=tls)
        address = f"unix:{path}"
    else:
        server = await loop.create_server(made, "127.0.0.1", 0, ssl=tls)
        address = f"inet:127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield doubles, address


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    made, key = self_signed(tmp_path_factory.mktemp("tls"), ["milter.test"], datetime.now(UTC))
    return made, server_context(made, key)


CHANGED: Mapping[str, Answer] = {"E": framed("hX\0y\0") + framed("c")}
AFTER = MESSAGE.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n")


@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
async def test_plain(tmp_path: Path, unix: bool) -> None:
    async with listening(tmp_path / "socket" if unix else None, answers=CHANGED) as (doubles, address):
        assert (await Site(address).message()).message == AFTER
        assert (await Site(address).message()).message == AFTER
        assert [double.letters.rstrip("Q") for double in doubles] == ["OCHMRLLNBE"] * 2


@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
async def test_tls(tmp_path: Path, unix: bool, certificate: tuple[Path, ssl.SSLContext]) -> None:
    authority, context = certificate
    async with listening(tmp_path / "socket" if unix else None, context, CHANGED) as (_, address):
        site = Site(address, tls=True, tls_name="milter.test", tls_ca=str(authority))
        assert (await site.message()).message == AFTER


async def test_a_certificate_of_another_name(certificate: tuple[Path, ssl.SSLContext]) -> None:
    authority, context = certificate
    async with listening(tls=context) as (_, address):
        site = Site(address, tls=True, tls_ca=str(authority))
        assert (await site.message()).how == "tempfail"
        assert "certificate" in site.why


async def test_a_certificate_of_nobody_we_trust(certificate: tuple[Path, ssl.SSLContext]) -> None:
    async with listening(tls=certificate[1]) as (_, address):
        site = Site(address, tls=True, tls_name="milter.test")
        assert (await site.message()).how == "tempfail"
        assert "certificate" in site.why


async def test_one_without_tls() -> None:
    async with listening() as (_, address):
        assert (await Site(address, tls=True, tls_name="milter.test", connect_s=0.3).message()).how == "tempfail"


async def test_nobody_there(tmp_path: Path) -> None:
    site = Site(f"unix:{tmp_path}/socket")
    assert (await site.message()).how == "tempfail"
    assert "No such file" in site.why


async def test_one_that_does_not_read_its_message() -> None:
    """What waits to be written is bounded, and so is the time."""
    doubles: list[Double] = []

    def paused(_: bytes) -> bytes:
        transport = doubles[0].transport
        assert transport is not None
        transport.pause_reading()
        return framed("c")

    async with listening(answers={"O": options(protocol=0x8_0070), "R": paused}) as (made, address):
        doubles = made
        site = Site(address, message_s=0.3)
        assert (await site.message(b"\r\n" + b"x" * 50_000_000)).how == "tempfail"
        assert "no answer within 0.3 s" in site.why


async def test_a_large_message_both_ways() -> None:
    body = b"".join(b"%09d\r\n" % number for number in range(1_000_000))
    pieces = b"".join(framed("b", body[at : at + 65_000]) for at in range(0, len(body), 65_000))
    async with listening(answers={"E": pieces + framed("c")}) as (doubles, address):
        verdict = await Site(address).message(b"A: b\r\n\r\n" + b"x" * 10_000_000)
        assert verdict.message == b"A: b\r\n\r\n" + body
        assert sum(map(len, doubles[0].told("B"))) == 10_000_000


def test_tls_settings_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="tls_name"):
        Site("unix:/x", tls=True)
    with pytest.raises(Misconfigured, match="cannot be read"):
        Site("inet:x:1", tls=True, tls_ca=str(tmp_path / "none"))
