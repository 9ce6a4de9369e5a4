"""`rookery domain dns`."""

import asyncio

import pytest

from cluster.dns.resolver import Answer
from mail.trust.publish import Record, State
from ops.cli import dns
from ops.cli.dns import AT_ONCE, looked_up
from tests.unit.ops.cli.conftest import Run, objects

DOMAIN = "example.org"
HOST = ("--host", "mx.example.net")


class Zone:
    """A resolver over a dictionary, slow enough that questions overlap."""

    def __init__(self, records: dict[tuple[str, str], Answer]) -> None:
        self.records = records
        self.asking = 0
        self.most = 0

    async def ask(self, name: str, kind: str) -> Answer:
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(0)
        self.asking -= 1
        return self.records.get((name, kind), Answer("nxdomain"))


@pytest.fixture(autouse=True)
def domain(run: Run) -> None:
    run("domain", "add", DOMAIN)


def test_table_zone_and_json(run: Run) -> None:
    (key,) = objects(run("domain", "dkim", "add", DOMAIN, "--algorithm", "ed25519", "--json"))
    table = run("domain", "dns", DOMAIN, *HOST).stdout
    assert "10 mx.example.net." in table
    assert key["record"] in table
    zone = run("domain", "dns", DOMAIN, *HOST, "--zone").stdout
    assert f'{key["selector"]}._domainkey.example.org. 3600 IN TXT "{key["record"]}"' in zone.splitlines()
    told = objects(run("domain", "dns", DOMAIN, *HOST, "--json"))
    assert told[0] == {
        "name": DOMAIN,
        "type": "MX",
        "value": "10 mx.example.net.",
        "purpose": "where mail goes",
        "needed": True,
    }
    assert len(told) == len(zone.splitlines())


def test_contradictions(run: Run) -> None:
    for other in ("--check", "--json"):
        assert run("domain", "dns", DOMAIN, *HOST, "--zone", other).exit_code == 2


def test_what_is_missing_is_told_and_is_the_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = Zone({(DOMAIN, "MX"): Answer("ok", ((10, "other.example"),)), (DOMAIN, "TXT"): Answer("tempfail")})
    monkeypatch.setattr(dns, "_resolver", lambda _address: zone)
    done = run("domain", "dns", DOMAIN, *HOST, "--check")
    assert done.exit_code == 1
    assert "there is: 10 other.example." in done.stdout
    assert "no answer" in done.stdout
    told = objects(run("domain", "dns", DOMAIN, *HOST, "--check", "--json"))
    assert [one["state"] for one in told[:3]] == ["differs", "unknown", "missing"]
    zone.records[DOMAIN, "MX"] = Answer("ok", ((10, "mx.example.net"),))
    zone.records[DOMAIN, "TXT"] = Answer("ok", (b"v=spf1 mx -all",))
    zone.records[f"_dmarc.{DOMAIN}", "TXT"] = Answer("ok", (b"v=DMARC1; p=reject",))
    assert run("domain", "dns", DOMAIN, *HOST, "--check").exit_code == 0


async def test_few_questions_at_once() -> None:
    zone = Zone({})
    found = await looked_up([Record(f"n{number}", "TXT", "v=x", "") for number in range(30)], zone)
    assert {one.state for one in found} == {State.MISSING}
    assert zone.most == AT_ONCE
