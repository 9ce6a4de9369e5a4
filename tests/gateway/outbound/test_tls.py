"""What domains publish of TLS, from their DNS and web to the message: delivered with which proof, or deferred, or back;
and what is told of it for reports."""

import asyncio
import hashlib
import random
import ssl
from pathlib import Path
from typing import Any

import pytest

from actors.policies.client import PolicyClient
from actors.queue.types import Result
from cluster.clock import ManualClock, SystemClock
from cluster.dns.client import DnsResolver
from cluster.dns.memory import MemoryResolver
from cluster.dns.resolver import Resolver
from cluster.dns.settings import DnsSettings
from cluster.meta.memory import MemoryStore
from gateway.outbound.fetch import FetchError
from gateway.outbound.policysettings import TlsSettings
from gateway.outbound.remote import Remote
from gateway.outbound.sts import StsPolicies
from gateway.outbound.tlspolicy import TlsPolicies
from mail.trust.mtasts import Mode, Policy, render
from tests.authorities import NOW, Certified
from tests.dns_server import DnsServer
from tests.gateway.outbound.conftest import BODY, Office, mail, send
from tests.gateway.outbound.peer import Peer

ROOT = Certified.root()
BETWEEN = ROOT.authority("Between")
SERVER = BETWEEN.server("mx.x.test")
OTHER = Certified.root("Other").server("mx.x.test")
NAMELESS = BETWEEN.server("elsewhere.test")


def key_of(certified: Certified) -> str:
    return hashlib.sha256(certified.spki).hexdigest()


GOOD = f"3 1 1 {key_of(SERVER)}"
WRONG = f"3 1 1 {key_of(OTHER)}"
ANCHOR = f"2 1 1 {key_of(BETWEEN)}"


def showing(certified: Certified, folder: Path) -> ssl.SSLContext:
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified.write(folder))
    return context


class Domain:
    """x.test: one host, which shows a certificate, and what is published of it."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office = office
        self.folder = folder
        self.tlsa: list[str] = []
        self.secure = True
        self.failing = False
        self.sts: Policy | FetchError | None = None
        self.asked_for: list[str | None] = []
        self.peer: Peer | None = None
        self.fetched = asyncio.Event()
        self.fetched.set()

    async def serves(self, certified: Certified | None, *offers: str, **kinds: Any) -> Peer:
        context = None
        if certified is not None:
            context = showing(certified, self.folder)
            context.sni_callback = lambda _session, name, _context: self.asked_for.append(name)
        self.peer = await self.office.peer(*offers, tls=context, **kinds)
        return self.peer

    def resolver(self) -> MemoryResolver:
        assert self.peer is not None
        place = f"_{self.peer.port}._tcp.mx.x.test"
        zones: dict[str, dict[str, list[str]]] = {
            "x.test": {"MX": ["10 mx.x.test"]},
            "mx.x.test": {"A": ["127.0.0.1"]},
        }
        if self.tlsa:
            zones[place] = {"TLSA": self.tlsa}
        if self.sts is not None:
            zones["_mta-sts.x.test"] = {"TXT": ["v=STSv1; id=one"]}
        return MemoryResolver(zones, secure=["x.test"] * self.secure, failing=[place] * self.failing)

    async def fetch(self, _domain: str) -> bytes:
        await self.fetched.wait()
        if isinstance(self.sts, FetchError):
            raise self.sts
        assert self.sts is not None
        return render(self.sts)

    def courier(self, resolver: Resolver | None = None) -> Remote:
        assert self.peer is not None
        asked = resolver or self.resolver()
        clock, settings = ManualClock(int(NOW.timestamp() * 1000)), TlsSettings()
        sts = StsPolicies(asked, PolicyClient(MemoryStore(), clock), self.fetch, clock, settings)
        policies = TlsPolicies(asked, sts, settings, clock, roots=[ROOT.der], port=self.peer.port)
        return self.office.courier(resolver=asked, policies=policies, port=self.peer.port)

    async def send(self, **fields: Any) -> Result:
        (result,) = await send(self.courier(), mail(**fields))
        return result

    def told(self) -> list[tuple[str, str]]:
        """Of the sessions: under which kind of policy, and what was wrong."""
        return [(one.policy.kind, one.failure) for one in self.office.outcomes]

    def nothing_was_sent(self) -> bool:
        assert self.peer is not None
        return not any(line.startswith("MAIL") for line in self.peer.commands)


@pytest.fixture
def domain(office: Office, tmp_path: Path) -> Domain:
    return Domain(office, tmp_path)


def enforce(*hosts: str, mode: Mode = "enforce") -> Policy:
    return Policy(mode, hosts or ("mx.x.test",), 604_800)


# -- DANE --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("records", [[GOOD], [ANCHOR], [WRONG, GOOD]], ids=["the key", "the anchor", "one of two"])
async def test_dane_proves(domain: Domain, records: list[str]) -> None:
    domain.tlsa = records
    peer = await domain.serves(SERVER, "PIPELINING")
    result = await domain.send()
    assert (result.outcome, result.proof, result.host) == ("delivered", "dane", "mx.x.test")
    assert result.tls.startswith("TLSv1.")
    assert peer.messages[0][2] == BODY
    assert domain.asked_for == ["mx.x.test"]
    assert domain.told() == [("tlsa", "")]


async def test_dane_of_an_expired_certificate_for_another_name_by_nobody(domain: Domain) -> None:
    """RFC 7672 §3.1.1: the key is all."""
    strange = Certified.root("Strange").server("strange.test", now=NOW.replace(year=2020))
    domain.tlsa = [f"3 1 1 {key_of(strange)}"]
    await domain.serves(strange)
    assert (await domain.send()).proof == "dane"


@pytest.mark.parametrize(("records", "shown"), [([WRONG], SERVER), ([ANCHOR], OTHER), ([ANCHOR], NAMELESS)])
async def test_dane_that_does_not_fit(domain: Domain, records: list[str], shown: Certified) -> None:
    domain.tlsa = records
    await domain.serves(shown)
    result = await domain.send()
    assert (result.outcome, result.status, result.cause, result.code) == ("deferred", "4.7.5", "tls", 0)
    assert "certificate is not valid: " in result.said
    assert domain.nothing_was_sent()
    ((kind, failure),) = domain.told()
    assert kind == "tlsa"
    assert failure in ("certificate-not-trusted", "certificate-host-mismatch", "validation-failure")


async def test_dane_without_starttls(domain: Domain) -> None:
    domain.tlsa = [GOOD]
    await domain.serves(None)
    result = await domain.send()
    assert (result.outcome, result.cause) == ("deferred", "tls")
    assert "STARTTLS" in result.said
    assert domain.nothing_was_sent()
    assert domain.told() == [("tlsa", "starttls-not-supported")]


@pytest.mark.parametrize("require_tls", [False, True])
async def test_tlsa_that_cannot_be_asked_for(domain: Domain, require_tls: bool) -> None:
    domain.failing = True
    peer = await domain.serves(SERVER, "REQUIRETLS")
    result = await domain.send(require_tls=require_tls)
    assert (result.outcome, result.status, result.cause) == ("deferred", "4.7.5", "tls")
    assert "TLSA" in result.said
    assert peer.connections == 0
    assert domain.told() == [("tlsa", "dnssec-invalid")]


async def test_tlsa_from_a_resolver_that_validates(domain: Domain) -> None:
    peer = await domain.serves(SERVER)
    head = "; signed\n$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n@ MX 10 mx\nmx A 127.0.0.1\n"
    place = f"_{peer.port}._tcp.mx"
    for record, proof in ((GOOD, "dane"), (WRONG, "")):
        with DnsServer({"x.test": f"{head}{place} TLSA {record}\n"}) as server:
            resolver = DnsResolver(DnsSettings(servers=(server.address,)), SystemClock(), random.Random(1))
            (result,) = await send(domain.courier(resolver))
            await resolver.close()
        assert result.proof == proof
        assert result.outcome == ("delivered" if proof else "deferred")


# -- MTA-STS -----------------------------------------------------------------------------------------------------------


async def test_sts_proves(domain: Domain) -> None:
    domain.secure, domain.sts = False, enforce()
    await domain.serves(SERVER)
    result = await domain.send()
    assert (result.outcome, result.proof) == ("delivered", "sts")
    assert domain.told() == [("sts", "")]


@pytest.mark.parametrize(
    ("shown", "failure"), [(OTHER, "certificate-not-trusted"), (NAMELESS, "certificate-host-mismatch")]
)
async def test_sts_with_a_bad_certificate(domain: Domain, shown: Certified, failure: str) -> None:
    domain.secure, domain.sts = False, enforce()
    await domain.serves(shown)
    result = await domain.send()
    assert (result.outcome, result.cause) == ("deferred", "tls")
    assert domain.nothing_was_sent()
    assert domain.told() == [("sts", failure)]


async def test_a_host_that_the_policy_does_not_name(domain: Domain) -> None:
    domain.secure, domain.sts = False, enforce("mail.x.test")
    peer = await domain.serves(SERVER)
    result = await domain.send()
    assert (result.outcome, result.status) == ("deferred", "4.7.5")
    assert "does not name mx.x.test" in result.said
    assert peer.connections == 0
    assert domain.told() == [("sts", "validation-failure")]


@pytest.mark.parametrize(
    ("shown", "failure"),
    [(SERVER, ""), (OTHER, "certificate-not-trusted"), (None, "starttls-not-supported")],
)
async def test_testing_delivers_and_tells(domain: Domain, shown: Certified | None, failure: str) -> None:
    domain.secure, domain.sts = False, enforce(mode="testing")
    await domain.serves(shown)
    result = await domain.send()
    assert result.outcome == "delivered"
    assert bool(result.tls) == (shown is not None)
    assert domain.told() == [("sts", failure)]


async def test_a_policy_that_cannot_be_had_stops_nothing(domain: Domain) -> None:
    domain.secure, domain.sts = False, FetchError("sts-policy-fetch-error", "HTTP status 500")
    await domain.serves(OTHER)
    assert (await domain.send()).outcome == "delivered"
    (outcome,) = domain.office.outcomes
    assert [one.failure for one in outcome.policy.problems] == ["sts-policy-fetch-error"]


async def test_who_waits_for_a_policy_keeps_nobody_else(domain: Domain) -> None:
    domain.secure, domain.sts = False, enforce()
    domain.fetched.clear()
    peer = await domain.serves(SERVER)
    courier = domain.courier()
    waiting = asyncio.ensure_future(send(courier))
    (other,) = await send(courier, mail("b@[127.0.0.1]", domain="[127.0.0.1]"))
    assert other.outcome == "delivered"
    assert not waiting.done()
    assert peer.connections == 1
    domain.fetched.set()
    assert (await waiting)[0].proof == "sts"


# -- nothing published -------------------------------------------------------------------------------------------------


async def test_opportunistic_with_whatever_certificate(domain: Domain) -> None:
    await domain.serves(OTHER)
    result = await domain.send()
    assert (result.outcome, result.proof) == ("delivered", "")
    assert result.tls
    assert domain.told() == [("no-policy-found", "")]


async def test_a_broken_handshake_falls_back_to_the_clear(domain: Domain) -> None:
    broken = {"STARTTLS": "220 go\r\nnot TLS at all, and long enough"}
    for records, outcome in (([], "delivered"), ([GOOD], "deferred")):
        domain.tlsa = records
        await domain.serves(None, "STARTTLS", answers=broken)
        result = await domain.send()
        assert (result.outcome, result.tls) == (outcome, "")
    assert domain.told() == [("no-policy-found", "validation-failure"), ("tlsa", "validation-failure")]


# -- what the sender wants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tlsa", "sts", "secure", "proof"),
    [([GOOD], None, True, "dane"), ([], enforce(), False, "sts"), ([], None, True, "pkix")],
)
async def test_requiretls_is_met(domain: Domain, tlsa: list[str], sts: Policy | None, secure: bool, proof: str) -> None:
    domain.tlsa, domain.sts, domain.secure = tlsa, sts, secure
    peer = await domain.serves(SERVER, "REQUIRETLS")
    result = await domain.send(require_tls=True)
    assert (result.outcome, result.proof) == ("delivered", proof)
    assert peer.messages[0][0] == "MAIL FROM:<a@me.example> REQUIRETLS"


@pytest.mark.parametrize(
    ("shown", "offers", "secure", "status"),
    [
        (SERVER, ["REQUIRETLS"], False, "5.7.10"),  # nobody vouches for the host's name
        (OTHER, ["REQUIRETLS"], True, "5.7.10"),
        (None, ["REQUIRETLS"], True, "5.7.10"),
        (SERVER, [], True, "5.7.30"),
    ],
)
async def test_requiretls_is_not_met(
    domain: Domain, shown: Certified | None, offers: list[str], secure: bool, status: str
) -> None:
    domain.secure = secure
    await domain.serves(shown, *offers)
    result = await domain.send(require_tls=True)
    assert (result.outcome, result.status, result.cause) == ("failed", status, "tls")
    assert domain.nothing_was_sent()


async def test_requiretls_waits_for_a_policy_that_may_come(domain: Domain) -> None:
    domain.secure, domain.sts = False, FetchError("sts-policy-fetch-error", "HTTP status 500")
    await domain.serves(SERVER, "REQUIRETLS")
    result = await domain.send(require_tls=True)
    assert (result.outcome, result.status) == ("deferred", "4.7.5")
    assert domain.nothing_was_sent()


async def test_requiretls_waits_for_tls_that_is_off_for_now(domain: Domain) -> None:
    await domain.serves(None, "STARTTLS", "REQUIRETLS", answers={"STARTTLS": "454 4.7.0 not now"})
    result = await domain.send(require_tls=True)
    assert (result.outcome, result.code) == ("deferred", 454)
    assert domain.nothing_was_sent()


async def test_a_bounce_goes_without_requiretls(domain: Domain) -> None:
    domain.secure = False
    peer = await domain.serves(None)
    result = await domain.send(require_tls=True, sender="")
    assert result.outcome == "delivered"
    assert peer.messages[0][0] == "MAIL FROM:<>"


@pytest.mark.parametrize("shown", [OTHER, None])
async def test_tls_required_no(domain: Domain, shown: Certified | None) -> None:
    domain.tlsa, domain.sts = [GOOD], enforce("mail.x.test")
    await domain.serves(shown)
    result = await domain.send(tls_optional=True)
    assert (result.outcome, result.proof) == ("delivered", "")


async def test_proven_and_other_mail_share_no_connection(domain: Domain) -> None:
    peer = await domain.serves(SERVER, "REQUIRETLS")
    courier = domain.courier()
    for require_tls in (False, True, False, True):
        (result,) = await send(courier, mail(require_tls=require_tls))
        assert (result.outcome, bool(result.proof)) == ("delivered", require_tls)
    assert peer.connections == 2


# -- routes ------------------------------------------------------------------------------------------------------------


async def test_a_route_is_judged_alike(domain: Domain) -> None:
    peer = await domain.serves(SERVER, "REQUIRETLS")
    clock = ManualClock(int(NOW.timestamp() * 1000))
    for roots, outcome, proof in (([ROOT.der], "delivered", "pkix"), ([OTHER.der], "deferred", "")):
        policies = TlsPolicies(domain.resolver(), None, TlsSettings(), clock, roots=roots)
        route = domain.office.to(peer, host="mx.x.test", tls="pkix")
        courier = domain.office.courier(resolver=domain.resolver(), policies=policies, **route)
        (result,) = await send(courier)
        assert (result.outcome, result.proof) == (outcome, proof)
    assert domain.told() == []  # reports are of domains' own servers


@pytest.mark.parametrize(("tls", "outcome", "proof"), [("encrypt", "delivered", "pkix"), ("none", "failed", "")])
async def test_a_route_for_requiretls(domain: Domain, tls: str, outcome: str, proof: str) -> None:
    peer = await domain.serves(SERVER, "REQUIRETLS")
    policies = TlsPolicies(
        domain.resolver(), None, TlsSettings(), ManualClock(int(NOW.timestamp() * 1000)), roots=[ROOT.der]
    )
    route = domain.office.to(peer, host="mx.x.test", tls=tls)
    courier = domain.office.courier(resolver=domain.resolver(), policies=policies, **route)
    (result,) = await send(courier, mail(require_tls=True))
    assert (result.outcome, result.proof) == (outcome, proof)
