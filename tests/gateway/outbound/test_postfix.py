"""Debian's Postfix at the other end: its sink, and its server with CHUNKING, DSN and STARTTLS."""

import asyncio
import datetime as dt
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.queue.types import Recipient
from cluster.certificates import self_signed
from gateway.outbound.settings import Route
from tests.gateway.outbound.conftest import Office, mail, send

WAIT_S = 5


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def _listens(port: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@pytest.fixture
def sink(program: Callable[[str], Path]) -> Iterator[Callable[..., int]]:
    """Start smtp-sink with these options; its port."""
    running: list[subprocess.Popen[bytes]] = []
    path = program("smtp-source").with_name("smtp-sink")

    def start(*options: str) -> int:
        port = _free_port()
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        running.append(subprocess.Popen([path, *user, *options, f"127.0.0.1:{port}", "100"]))
        return port

    yield start
    for process in running:
        process.kill()
        process.wait()


def _route(port: int) -> dict[str, Any]:
    return {"route": (Route(name="r", host="127.0.0.1", port=port),), "routes": {"*": "r"}}


@pytest.mark.part("smtp-source")
@pytest.mark.parametrize("options", [(), ("-p",), ("-e",)], ids=["all", "no-pipelining", "no-esmtp"])
async def test_a_thousand_into_the_sink(office: Office, sink: Callable[..., int], options: tuple[str, ...]) -> None:
    port = sink(*options)
    await _listens(port)
    courier = office.courier(**_route(port))
    results = await asyncio.gather(*(send(courier) for _ in range(1000)))
    assert {one.outcome for result in results for one in result} == {"delivered"}


@pytest.mark.part("smtp-source")
@pytest.mark.parametrize(
    ("option", "command", "outcome"),
    [
        ("-r", "DATA", "deferred"),
        ("-f", "MAIL", "failed"),
        ("-f", ".", "failed"),
        ("-q", "RCPT", "deferred"),
        ("-q", ".", "deferred"),
    ],
)
async def test_a_sink_that_refuses_or_hangs_up(
    office: Office, sink: Callable[..., int], option: str, command: str, outcome: str
) -> None:
    port = sink(option, command)
    await _listens(port)
    courier = office.courier(**_route(port))
    for (result,) in await asyncio.gather(*(send(courier) for _ in range(20))):
        assert result.outcome == outcome


@pytest.mark.part("smtp-source")
@pytest.mark.skipif(shutil.which("postfix", path="/usr/sbin") is None, reason="needs root's postfix")
async def test_a_real_server_over_tls_with_chunks_and_dsn(office: Office, postfix: tuple[int, Path]) -> None:
    port, log = postfix
    courier = office.courier(**_route(port))
    envelope = mail(
        recipients=(
            Recipient("u@peer.test", notify=("SUCCESS", "FAILURE"), orcpt="rfc822;u+x@peer.test"),
            Recipient("no@else.test"),
        ),
        ret="HDRS",
        envid="q=1",
    )
    results = await asyncio.gather(*(send(courier, envelope) for _ in range(30)))
    for first, second in results:
        assert (first.outcome, first.relayed) == ("delivered", False)
        assert first.tls.startswith("TLSv1.")
        assert (second.outcome, second.cause) == ("failed", "relay")
    text = ""
    async with asyncio.timeout(WAIT_S):
        while text.count("status=sent") < 30:  # all were taken whole, and thrown away
            await asyncio.sleep(0.05)
            text = log.read_text()
    assert "improper command pipelining" not in text


@pytest.fixture
async def postfix(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    """Debian's Postfix, taking mail for peer.test and throwing it away."""
    if os.geteuid() != 0:
        pytest.skip("Postfix's master needs root")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path("/tmp"):
            break
        parent.chmod(0o755)
    certificate, key = self_signed(tmp_path / "tls", ["peer.test"], dt.datetime.now(dt.UTC))
    port = _free_port()
    home, log = tmp_path / "etc", tmp_path / "log"
    for name in ("etc", "spool", "data"):
        (tmp_path / name).mkdir()
    shutil.chown(tmp_path / "data", "postfix")
    values = {"here": str(tmp_path), "certificate": str(certificate), "key": str(key), "port": str(port)}
    for path in (Path(__file__).parent / "postfix").glob("*.cf"):
        text = path.read_text()
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        (home / path.name).write_text(text)
    started = subprocess.run(["/usr/sbin/postfix", "-c", home, "start"], capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    try:
        await _listens(port)
        yield port, log
    finally:
        subprocess.run(["/usr/sbin/postfix", "-c", home, "stop"], capture_output=True)
