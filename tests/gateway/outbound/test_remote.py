"""The courier against servers on loopback: what arrives, what is told, what is shared, and what cannot hang it."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from actors.queue.types import Recipient
from cluster.config.loading import load
from cluster.config.secret import Secret
from cluster.dns.resolver import Answer
from gateway.facts import AtOutbound
from gateway.outbound.settings import OutboundSettings, Source, Timeouts
from tests.gateway.outbound.conftest import BODY, Office, mail, send
from tests.gateway.outbound.peer import Peer


def a(address: str) -> Answer:
    return Answer("ok", (address,), ttl_s=60)


def mx(*hosts: tuple[int, str]) -> Answer:
    return Answer("ok", hosts, ttl_s=60)


async def test_a_message_arrives_as_it_is(office: Office) -> None:
    peer = await office.peer("PIPELINING", "SIZE", "8BITMIME")
    courier = office.courier(**office.to(peer))
    (result,) = await send(courier)
    assert (result.outcome, result.code, result.status, result.said) == ("delivered", 250, "2.0.0", "taken")
    assert (result.ip, result.tls, result.relayed) == ("127.0.0.1", "", True)
    assert peer.messages == [(f"MAIL FROM:<a@me.example> SIZE={len(BODY)}", ("RCPT TO:<b@x.test>",), BODY)]
    assert office.log.lines[0]["outcome"] == "delivered"


@pytest.mark.parametrize("offers", [[], ["PIPELINING"], ["CHUNKING"], ["PIPELINING", "CHUNKING"]], ids=str)
async def test_many_share_few_connections(office: Office, offers: list[str]) -> None:
    peer = await office.peer(*offers)
    courier = office.courier(**office.to(peer), connections_per_destination_max=AtOutbound.of(3))
    bodies = [b"Subject: %d\r\n\r\n.\r\n" % number for number in range(60)]
    results = await asyncio.gather(*(send(courier, body=body) for body in bodies))
    assert {one.outcome for result in results for one in result} == {"delivered"}
    assert sorted(body for _, _, body in peer.messages) == sorted(bodies)
    assert peer.connections <= 3


async def test_one_after_the_other_is_one_connection(office: Office) -> None:
    peer = await office.peer()
    courier = office.courier(**office.to(peer))
    for _ in range(5):
        assert (await send(courier))[0].outcome == "delivered"
    assert peer.connections == 1


async def test_a_connection_that_died_idle_is_not_noticed(office: Office) -> None:
    peer = await office.peer(hang_up_after=1)
    courier = office.courier(**office.to(peer))
    for _ in range(4):
        assert (await send(courier))[0].outcome == "delivered"
    assert len(peer.messages) == 4


async def test_a_limited_connection_is_closed_after_its_messages(office: Office) -> None:
    peer = await office.peer("LIMITS MAILMAX=2")
    courier = office.courier(**office.to(peer))
    for _ in range(5):
        assert (await send(courier))[0].outcome == "delivered"
    assert peer.connections >= 3
    assert "QUIT" in peer.commands


async def test_recipients_as_many_as_the_server_takes(office: Office) -> None:
    peer = await office.peer("LIMITS RCPTMAX=2", answers={"RCPT TO:<no@x.test>": "550 5.1.1 unknown"})
    courier = office.courier(**office.to(peer))
    results = await send(courier, mail("a@x.test", "no@x.test", "c@x.test", "d@x.test", "e@x.test"))
    assert [one.outcome for one in results] == ["delivered", "failed", "delivered", "delivered", "delivered"]
    assert results[1].cause == "bad-mailbox"
    assert [len(rcpts) for _, rcpts, _ in peer.messages] == [1, 2, 1]


async def test_too_many_recipients_are_sent_the_rest(office: Office) -> None:
    class Two(Peer):
        def _end(self, *given: object) -> int:
            self.answers = {}
            return super()._end(*given)  # type: ignore[arg-type]

    peer = Two(answers={"RCPT TO:<c@": "452 4.5.3 too many", "RCPT TO:<d@": "452 4.5.3 too many"})
    await peer.start()
    office.peers.append(peer)
    courier = office.courier(**office.to(peer))
    results = await send(courier, mail("a@x.test", "b@x.test", "c@x.test", "d@x.test"))
    assert [one.outcome for one in results] == ["delivered"] * 4
    assert [len(rcpts) for _, rcpts, _ in peer.messages] == [2, 2]


async def test_all_too_many_is_deferred(office: Office) -> None:
    peer = await office.peer(answers={"RCPT": "452 4.5.3 too many"})
    courier = office.courier(**office.to(peer))
    assert [one.outcome for one in await send(courier, mail("a@x.test", "b@x.test"))] == ["deferred"] * 2


async def test_the_next_host_where_the_first_is_not_there(office: Office) -> None:
    peer = await office.peer()
    courier = office.courier(
        port=peer.port,
        answers={
            ("x.test", "MX"): mx((10, "down.test"), (20, "up.test")),
            ("down.test", "A"): a("127.0.0.9"),
            ("up.test", "A"): a("127.0.0.1"),
        },
    )
    (result,) = await send(courier)
    assert (result.outcome, result.host) == ("delivered", "up.test")


async def test_domains_behind_the_same_hosts_share(office: Office) -> None:
    peer = await office.peer()
    answers = {("mx.test", "A"): a("127.0.0.1")}
    answers |= {(f"d{number}.test", "MX"): mx((number, "mx.test")) for number in range(1, 4)}
    courier = office.courier(port=peer.port, answers=answers)
    for number in (1, 2, 3):
        (result,) = await send(courier, mail(f"u@d{number}.test", domain=f"d{number}.test"))
        assert result.outcome == "delivered"
    assert peer.connections == 1


async def test_nobody_there_is_told_at_once_the_second_time(office: Office) -> None:
    courier = office.courier(port=1, answers={("x.test", "MX"): mx((1, "m.test")), ("m.test", "A"): a("127.0.0.1")})
    for _ in range(2):
        (result,) = await send(courier)
        assert (result.outcome, result.cause, result.code, result.status) == ("deferred", "unreachable", 0, "4.4.1")


@pytest.mark.parametrize(
    ("greeting", "outcome", "cause"),
    [
        ("554 5.7.1 listed at the blocklist", "deferred", "reputation"),
        ("421 too many connections", "deferred", "rate-limited"),
        ("521 takes no mail", "failed", "bad-domain"),
        ("HTTP/1.1 400 Bad Request", "deferred", "protocol"),
    ],
)
async def test_greetings(office: Office, greeting: str, outcome: str, cause: str) -> None:
    peer = await office.peer(greeting=greeting)
    courier = office.courier(**office.to(peer))
    (result,) = await send(courier)
    assert (result.outcome, result.cause) == (outcome, cause)


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_where_it_is_offered(office: Office, server_tls: ssl.SSLContext, implicit: bool) -> None:
    peer = await office.peer("PIPELINING", tls=server_tls, implicit=implicit)
    courier = office.courier(**office.to(peer, implicit_tls=implicit))
    (result,) = await send(courier)
    assert result.outcome == "delivered"
    assert result.tls.startswith("TLSv1.")
    assert result.proof == ""
    assert peer.messages[0][2] == BODY


async def test_a_handshake_that_fails_is_forgiven_or_not(office: Office) -> None:
    broken = await office.peer("STARTTLS", answers={"STARTTLS": "220 go\r\nnot TLS at all, and long enough"})
    (result,) = await send(office.courier(**office.to(broken)))
    assert (result.outcome, result.tls) == ("delivered", "")
    (result,) = await send(office.courier(**office.to(broken, tls="encrypt")))
    assert (result.outcome, result.cause, result.status) == ("deferred", "tls", "4.7.5")
    assert len(broken.messages) == 1


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_goodbye_under_tls_with_the_end_behind_it(
    office: Office, server_tls: ssl.SSLContext, implicit: bool
) -> None:
    """The 221 and the server's close_notify come in one piece: the place is free for the next connection."""
    peer = await office.peer(tls=server_tls, implicit=implicit)
    courier = office.courier(**office.to(peer, implicit_tls=implicit), idle_s=0.01)
    async with asyncio.timeout(10):
        await send(courier)
        while "QUIT" not in peer.commands:
            await asyncio.sleep(0.01)
        (result,) = await send(courier)
    assert result.outcome == "delivered"
    assert peer.connections == 2


async def test_required_tls_that_is_not_offered(office: Office) -> None:
    peer = await office.peer()
    (result,) = await send(office.courier(**office.to(peer, tls="encrypt")))
    assert (result.outcome, result.cause) == ("deferred", "tls")
    assert not any(line.startswith("MAIL") for line in peer.commands)


async def test_sessions_are_observed(office: Office, server_tls: ssl.SSLContext) -> None:
    peer = await office.peer(tls=server_tls)
    answers = {("x.test", "MX"): mx((1, "m.test")), ("m.test", "A"): a("127.0.0.1")}
    (result,) = await send(office.courier(port=peer.port, answers=answers))
    assert result.outcome == "delivered"
    (result,) = await send(office.courier(port=peer.port, answers=answers, level="pkix"))
    assert (result.outcome, result.cause) == ("deferred", "tls")
    assert [(one.domain, one.host, one.failure) for one in office.outcomes] == [
        ("x.test", "m.test", ""),
        ("x.test", "m.test", "certificate-host-mismatch"),
    ]


async def test_requiretls_needs_a_server_that_offers_it(office: Office) -> None:
    peer = await office.peer()
    answers = {
        ("x.test", "MX"): Answer("ok", ((1, "m.test"),), ttl_s=60),
        ("m.test", "A"): a("127.0.0.1"),
    }
    courier = office.courier(port=peer.port, answers=answers)
    (result,) = await send(courier, mail(require_tls=True))
    assert (result.outcome, result.status, result.cause) == ("failed", "5.7.10", "tls")
    (result,) = await send(courier, mail(require_tls=True, sender=""))  # RFC 8689 5
    assert result.outcome == "delivered"


# -- relay hosts and LMTP ----------------------------------------------------------------------------------------------


async def test_a_relay_host_that_wants_to_know_us(office: Office, server_tls: ssl.SSLContext) -> None:
    peer = await office.peer("AUTH PLAIN", tls=server_tls, answers={"AUTH PLAIN AHUAcHc=": "235 2.7.0 welcome"})
    courier = office.courier(**office.to(peer, user="u", secret=Secret("pw")))
    assert (await send(courier))[0].outcome == "delivered"
    assert peer.messages[0][0] == "MAIL FROM:<a@me.example> AUTH=<>"


async def test_no_password_in_the_clear(office: Office) -> None:
    peer = await office.peer("AUTH PLAIN", answers={"AUTH": "235 ok"})
    (result,) = await send(office.courier(**office.to(peer, user="u", secret=Secret("pw"))))
    assert (result.outcome, result.cause) == ("deferred", "auth")
    assert not any(line.startswith("AUTH") for line in peer.commands)


async def test_a_wrong_password(office: Office) -> None:
    peer = await office.peer("AUTH PLAIN", answers={"AUTH": "535 5.7.8 wrong"})
    (result,) = await send(office.courier(**office.to(peer, user="u", secret=Secret("x"), plaintext_auth=True)))
    assert (result.outcome, result.code, result.cause) == ("deferred", 535, "auth")


async def test_lmtp_over_a_unix_socket(office: Office, tmp_path: Path) -> None:
    path = str(tmp_path / "lmtp")
    peer = await office.peer("PIPELINING", path=path, lmtp=True, answers={"RCPT TO:<no@": "550 5.1.1 unknown"})
    courier = office.courier(**office.to(peer, host=path, protocol="lmtp"))
    results = await send(courier, mail("a@x.test", "no@x.test", "c@x.test"))
    assert [one.outcome for one in results] == ["delivered", "failed", "delivered"]
    assert not results[0].relayed


# -- hostile -----------------------------------------------------------------------------------------------------------


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"220-and more\r\n" * 1000)
            await writer.drain()
    except OSError:
        writer.close()


async def _long_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 " + b"x" * 10_000_000)
    await reader.read()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 10)
    await reader.read()


async def _drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("handler", [_silent, _endless, _long_line, _garbage, _drop])
async def test_hostile_greetings(office: Office, handler: object) -> None:
    peer = await office.peer(handler=handler)  # type: ignore[arg-type]
    (result,) = await send(office.courier(**office.to(peer)))
    assert result.outcome == "deferred"
    assert result.cause in {"timeout", "protocol", "unreachable"}


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("offers", [["PIPELINING"], []], ids=["pipelined", "plain"])
async def test_silent_from_some_point_on(office: Office, verb: str, offers: list[str]) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(verb.encode()) or (verb == "END" and line == b".\r\n"):
                await reader.read()
                return
            if line.startswith(b"EHLO"):
                writer.write(b"250-x\r\n250 PIPELINING\r\n" if offers else b"250 x\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
            elif line[:4] in (b"MAIL", b"RCPT"):
                writer.write(b"250 Ok\r\n")

    peer = await office.peer(handler=handler)
    (result,) = await send(office.courier(**office.to(peer)))
    assert (result.outcome, result.cause) == ("deferred", "timeout")
    assert ("may have been taken" in result.said) is (verb == "END")


async def test_a_large_message_to_who_refuses_it_half_way(office: Office) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250 x\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readexactly(100_000)
                writer.write(b"552 5.3.4 too large\r\n")
                await writer.drain()
                await reader.read()
                return
            else:
                writer.write(b"250 Ok\r\n")

    peer = await office.peer(handler=handler)
    (result,) = await send(
        office.courier(**office.to(peer)), body=b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 3_000_000
    )
    assert (result.outcome, result.code, result.cause) == ("failed", 552, "too-large")


async def test_a_large_message_arrives(office: Office) -> None:
    body = b"Subject: x\r\n\r\n" + (b"." + b"x" * 70 + b"\r\n") * 50_000
    for offers in ([], ["PIPELINING", "CHUNKING"]):
        peer = await office.peer(*offers)
        (result,) = await send(office.courier(**office.to(peer)), body=body)
        assert result.outcome == "delivered"
        assert peer.messages[0][2] == body


async def test_closing_leaves_nobody_waiting(office: Office) -> None:
    peer = await office.peer(handler=_silent)
    courier = office.courier(**office.to(peer))
    waiting = [asyncio.ensure_future(send(courier)) for _ in range(10)]
    await asyncio.sleep(0.05)
    await courier.close()
    assert {(await one)[0].outcome for one in waiting} == {"deferred"}
    assert (await send(courier))[0].outcome == "deferred"


async def test_an_address_that_cannot_be_said(office: Office) -> None:
    peer = await office.peer()
    envelope = mail(recipients=(Recipient("a b@x.test"),))
    (result,) = await send(office.courier(**office.to(peer)), envelope)
    assert (result.outcome, result.status) == ("failed", "5.1.3")


async def test_what_does_not_fit_leaves_the_connection_to_others(office: Office) -> None:
    peer = await office.peer("SIZE 100")
    courier = office.courier(**office.to(peer))
    for _ in range(3):
        assert (await send(courier))[0].outcome == "delivered"
        (result,) = await send(courier, body=BODY * 10)
        assert (result.outcome, result.code, result.status, result.cause) == ("failed", 0, "5.3.4", "too-large")
    assert peer.connections == 1


async def test_from_one_of_our_addresses_under_its_name(office: Office) -> None:
    peer = await office.peer()
    sources = (Source(address="127.0.0.2", hello="two.example"), Source(address="::1", hello="six.example"))
    courier = office.courier(**office.to(peer), source=sources)
    assert (await send(courier))[0].outcome == "delivered"
    assert peer.commands[0] == "EHLO two.example"
    assert peer.clients == ["127.0.0.2"]


async def test_a_defect_of_ours_defers_that_message_only(office: Office) -> None:
    peer = await office.peer()
    courier = office.courier(**office.to(peer))
    (result,) = await send(courier, mail(priority="high", smtputf8=None, by_mode="R", by_ms=None))
    assert (result.outcome, result.cause) == ("deferred", "system")
    assert (await send(courier))[0].outcome == "delivered"


# -- rules -------------------------------------------------------------------------------------------------------------


def by_rules(text: str, *names: str) -> dict[str, Any]:
    """Settings as they are written, by name."""
    made = load(OutboundSettings, text, {})
    return {name: getattr(made, name) for name in names}


async def test_rules_choose_for_each_recipient(office: Office) -> None:
    near, far = await office.peer(), await office.peer()
    text = f"""
choose_route = [{{ if = "recipient.startsWith('n')", then = "near" }}, {{ else = "far" }}]
choose_source = [{{ if = "route == 'near'", then = "two" }}, {{ else = "three" }}]
hello = [{{ if = "retry > 1", then = "again.example" }}, {{ else = "first.example" }}]
connections_per_destination_max = [{{ if = "mx == '127.0.0.1'", then = 1 }}, {{ else = 9 }}]
route = [{{ name = "near", host = "127.0.0.1", port = {near.port} }},
         {{ name = "far", host = "127.0.0.1", port = {far.port} }}]
source = [{{ address = "127.0.0.2", name = "two" }}, {{ address = "127.0.0.3", name = "three" }}]
"""
    names = ("choose_route", "choose_source", "hello", "connections_per_destination_max", "route", "source")
    courier = office.courier(**by_rules(text, *names))
    envelope = mail("n1@x.test", "f1@x.test", "n2@x.test")
    assert [one.outcome for one in await send(courier, envelope)] == ["delivered"] * 3
    assert near.messages[0][1] == ("RCPT TO:<n1@x.test>", "RCPT TO:<n2@x.test>")
    assert far.messages[0][1] == ("RCPT TO:<f1@x.test>",)
    assert (near.clients, far.clients) == (["127.0.0.2"], ["127.0.0.3"])
    assert near.commands[0] == "EHLO first.example"
    (result,) = await courier.send(envelope, (1,), BODY, route="near", retry=2)
    assert result.outcome == "delivered"
    assert "EHLO again.example" in near.commands


async def test_rules_choose_how_much_tls(office: Office) -> None:
    peer = await office.peer()
    answers = {("x.test", "MX"): mx((1, "m.test")), ("m.test", "A"): a("127.0.0.1")}
    text = """tls.level = [{ if = "sender_domain == 'bank.example'", then = "encrypt" }, { else = "opportunistic" }]"""
    courier = office.courier(answers=answers, port=peer.port, **by_rules(text, "tls"))
    assert (await send(courier))[0].outcome == "delivered"
    (result,) = await send(courier, mail(sender="a@bank.example"))
    assert (result.outcome, result.cause) == ("deferred", "tls")


@pytest.mark.parametrize("waits_at", ["in the queue", "at RCPT"])
async def test_what_was_cut_off_is_not_sent_afterwards(office: Office, waits_at: str) -> None:
    """Its entry is tried again: sent later as well, it would be there twice."""
    held, taken = asyncio.Event(), []
    reached = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(b"RCPT"):
                reached.set()
                await held.wait()
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                taken.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"250 x\r\n")
        writer.close()

    peer = await office.peer(handler=serve)
    timeouts = Timeouts(greeting_s=5, hello_s=5, mail_s=5, rcpt_s=5, data_s=5, end_s=5)
    courier = office.courier(**office.to(peer), timeouts=timeouts, connections_per_destination_max=AtOutbound.of(1))
    first = asyncio.create_task(send(courier, body=b"Subject: first\r\n\r\n"))
    await reached.wait()
    second = asyncio.create_task(send(courier, body=b"Subject: second\r\n\r\n"))
    await asyncio.sleep(0.05)
    cut, left = (second, first) if waits_at == "in the queue" else (first, second)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    held.set()
    assert [one.outcome for one in await left] == ["delivered"]
    assert (await send(courier, body=b"Subject: third\r\n\r\n"))[0].outcome == "delivered"
    words = [body.split(b"\r\n")[0].removeprefix(b"Subject: ") for body in taken]
    assert words == [b"first" if left is first else b"second", b"third"]


async def test_an_address_that_cannot_be_said_costs_no_connection(office: Office) -> None:
    peer = await office.peer()
    courier = office.courier(**office.to(peer))
    for who, outcome in (
        ("a@x.test", "delivered"),
        ("a b@x.test", "failed"),
        ('"a b"@x> y', "failed"),
        ('"a b"@x', "delivered"),
    ):
        assert (await send(courier, mail(who)))[0].outcome == outcome
    assert peer.connections == 1
