"""Real milters do to real messages what they are there for."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster.clock import SystemClock
from gateway.milter.chain import Milters
from gateway.milter.peer import Peer
from gateway.milter.settings import MilterSettings
from gateway.milter.verdict import Verdict
from mail.milter.apply import Envelope, Recipient
from tests.gateway.milter import real
from tests.unit.gateway.milter.test_chain import Told

HEAD = (
    b"From: Alice <alice@example.test>\r\nTo: bob@mx.test\r\nSubject: One\r\n two\r\n"
    b"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.test>\r\nX-Tab:\tthree\r\nX-None:four\r\n\r\n"
)
ENVELOPE = Envelope("alice@example.test", (), (Recipient("bob@mx.test"),))
OUTSIDE = "203.0.113.9"


class Talk:
    """One SMTP connection's milters; `message` says all commands of a message."""

    def __init__(self, milters: Milters, ip: str) -> None:
        session = milters.session()
        assert session is not None
        self.session = session
        self.ip = ip

    async def start(self) -> None:
        peer = Peer(ip=self.ip, port=4711, name="client.test", host_name="mx.test", listener="mx")
        assert (await self.session.connect(peer)).goes_on
        assert (await self.session.helo("client.test")).goes_on

    async def message(self, raw: bytes, ident: str = "abc.1") -> Verdict:
        assert (await self.session.mail("alice@example.test", ("SIZE=100",), ident=ident)).goes_on
        assert (await self.session.rcpt("bob@mx.test")).goes_on
        assert (await self.session.data()).goes_on
        return await self.session.message(ENVELOPE, raw)


@asynccontextmanager
async def talk(*sockets: Path, ip: str = OUTSIDE, version: int = 6, stages: str = "all") -> AsyncIterator[Talk]:
    settings = [
        MilterSettings(name=f"m{at}", address=f"unix:{path}", version=version, stages=stages)  # type: ignore[arg-type]
        for at, path in enumerate(sockets)
    ]
    log = Told()
    said = Talk(Milters(settings, clock=SystemClock(), log=log), ip)
    await said.start()
    yield said
    said.session.close()
    await asyncio.sleep(0)
    assert not log.warnings


def field(verdict: Verdict, name: str) -> str:
    """The value of a field, unfolded."""
    assert verdict.message is not None
    head = re.sub(rb"\r\n(?=[ \t])", b"", verdict.message.partition(b"\r\n\r\n")[0])
    (found,) = re.finditer(rb"(?im)^" + name.encode() + rb":\s*(.*?)\r?$", head)
    return found[1].decode()


@pytest.fixture(scope="module")
def opendkim() -> Iterator[Path]:
    with real.opendkim() as path:
        yield path


@pytest.fixture(scope="module")
def rspamd() -> Iterator[Path]:
    with real.rspamd() as path:
        yield path


@pytest.fixture(scope="module")
def clamav() -> Iterator[Path]:
    with real.clamav() as path:
        yield path


@pytest.mark.part("opendkim")
@pytest.mark.parametrize("stages", ["all", "message"])
@pytest.mark.parametrize("version", [2, 6])
async def test_opendkim_verifies_what_it_signed(opendkim: Path, version: int, stages: str) -> None:
    async with talk(opendkim, ip=real.INSIDE, version=version, stages=stages) as said:
        signed = await said.message(HEAD + b"Hello\r\n")
    assert signed.message is not None
    assert signed.message.endswith(HEAD + b"Hello\r\n")
    assert signed.message.startswith(b"DKIM-Signature: v=1;")
    async with talk(opendkim, version=version, stages=stages) as said:
        verified = await said.message(signed.message)
        assert "dkim=pass" in field(verified, "Authentication-Results")
        spoilt = await said.message(signed.message.replace(b"Hello", b"Hallo"), "abc.2")
        assert "dkim=fail" in field(spoilt, "Authentication-Results")
        spoilt = await said.message(signed.message.replace(b"Subject: One", b"Subject: Two"), "abc.3")
        assert "dkim=fail" in field(spoilt, "Authentication-Results")
        unsigned = await said.message(HEAD + b"Hello\r\n", "abc.4")
        assert "dkim=none" in field(unsigned, "Authentication-Results")


@pytest.mark.part("opendkim")
async def test_opendkim_and_a_large_body(opendkim: Path) -> None:
    body = b"".join(b"%07d\r\n" % number for number in range(100_000))
    async with talk(opendkim, ip=real.INSIDE) as said:
        signed = await said.message(HEAD + body)
    assert signed.message is not None
    async with talk(opendkim) as said:
        assert "dkim=pass" in field(await said.message(signed.message), "Authentication-Results")


@pytest.mark.part("rspamd")
@pytest.mark.parametrize("stages", ["all", "message"])
async def test_rspamd_scores(rspamd: Path, stages: str) -> None:  # it answers 6 to whatever version is offered
    async with talk(rspamd, stages=stages) as said:
        plain = await said.message(HEAD + b"Hello\r\n")
        assert plain.how == "continue"
        unwanted = await said.message(HEAD + b"Hello unwantedword\r\n", "abc.2")
        assert field(unwanted, "X-Spam-Level") == "*******"
        assert field(unwanted, "X-Spam") == "Yes"
        gtube = await said.message(HEAD + real.GTUBE + b"\r\n", "abc.3")
        assert gtube.how == "reply"
        assert gtube.reply is not None
        assert (gtube.reply.code, gtube.reply.status) == (554, "5.7.1")
        assert (await said.message(HEAD + b"Hello\r\n", "abc.4")).how == "continue"


@pytest.mark.part("clamav-milter", "clamd")
@pytest.mark.parametrize("version", [2, 6])
async def test_clamav_finds_the_test_virus(clamav: Path, version: int) -> None:
    async with talk(clamav, version=version) as said:
        clean = await said.message(HEAD + b"Hello\r\n")
        assert clean.how == "continue"
        assert field(clean, "X-Virus-Status") == "Clean"
        again = await said.message(clean.message or b"", "abc.2")
        assert field(again, "X-Virus-Status") == "Clean"  # replaced, not doubled
        infected = await said.message(HEAD + b"x" * 70_000 + b"\r\n" + real.EICAR + b"\r\n", "abc.3")
        assert infected.reply is not None
        assert infected.reply.code == 550
        assert "EICAR-TEST" in infected.reply.text
        assert (await said.message(HEAD + b"Hello\r\n", "abc.4")).how == "continue"


@pytest.mark.part("rspamd", "opendkim", "clamav-milter", "clamd")
async def test_all_in_a_row(rspamd: Path, clamav: Path, opendkim: Path) -> None:
    async with talk(rspamd, clamav, opendkim, ip=real.INSIDE) as said:
        through = await said.message(HEAD + b"Hello unwantedword\r\n")
        assert through.how == "continue"
        assert field(through, "X-Spam") == "Yes"
        assert field(through, "X-Virus-Status") == "Clean"
        assert field(through, "DKIM-Signature")
        facts = said.session.take_facts()
        assert [fact.of["milter"] for fact in facts] == ["m0", "m1", "m2"]
        infected = await said.message(HEAD + real.EICAR + b"\r\n", "abc.2")
        assert (infected.how, infected.by) == ("reply", "m1")
        assert (await said.message(HEAD + b"Hello\r\n", "abc.3")).how == "continue"
    async with talk(opendkim) as said:
        assert "dkim=pass" in field(await said.message(through.message or b""), "Authentication-Results")
