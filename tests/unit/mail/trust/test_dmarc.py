"""DMARC: what becomes of messages, as cases in `dmarc/cases.toml`, and what it costs."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mail.trust.dmarc import DkimIdentifier, DmarcResult, SpfIdentifier, evaluate
from tests.unit.mail.trust.asking import Zone

DATA = tomllib.loads((Path(__file__).parent / "dmarc" / "cases.toml").read_text(encoding="utf-8"))
TOLD = ("disposition", "policy", "policy_domain", "tag", "domain", "relaxed_by")


def _zone() -> Zone:
    records: dict[str, Any] = {f"_dmarc.{name}": {"TXT": [text.encode()]} for name, text in DATA["records"].items()}
    records |= {name: {"MX": [(10, "mx.test")]} for name in DATA["exists"]["names"]}
    return Zone(records, set(DATA["broken"]))


def _last_two(domain: str) -> str | None:
    return ".".join(domain.split(".")[-2:])


def _evaluate(zone: Zone, case: dict[str, Any]) -> DmarcResult:
    spf = SpfIdentifier(*case["spf"]) if "spf" in case else None
    dkim = [DkimIdentifier(domain, result, "s1") for domain, result in case.get("dkim", [])]
    by = _last_two if case.get("by") == "list" else None
    return zone.run(evaluate(case["from"], spf, dkim, registered_domain=by, sample=case.get("sample")))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in DATA["case"]])
def test_case(case: dict[str, Any]) -> None:
    zone = _zone()
    found = _evaluate(zone, case)
    assert found.result == case["result"], found.why
    for what in TOLD:
        assert getattr(found, what) == case.get(what, getattr(found, what)), what
    if "aligned" in case:
        assert list(found.aligned) == case["aligned"]
    assert found.spf_aligned == any(one.startswith("spf:") for one in found.aligned)
    assert found.dkim_aligned == any(one.startswith("dkim:") for one in found.aligned)
    assert (found.result == "pass") == (found.why == "")
    assert found.disposition == "none" or found.result == "fail"
    assert len(zone.asked) == case.get("asked", len(zone.asked))
    assert len(zone.asked) == len(set(zone.asked))
    assert [question for question, _ in found.seen] == zone.asked


def test_many_signatures_cost_a_bounded_number_of_questions() -> None:
    zone = _zone()
    dkim = [DkimIdentifier(f"{'a.' * 20}s{number}.example.com", "pass") for number in range(1000)]
    author = "b." * 30 + "example.com"
    assert zone.run(evaluate([author], None, dkim)).result == "pass"
    assert len(zone.asked) <= 8 + 20 * 8


def test_what_passed_is_looked_at_before_what_might_have() -> None:
    dkim = [DkimIdentifier(f"s{number}.example.com", "temperror") for number in range(1000)]
    dkim.append(DkimIdentifier("example.com", "pass"))
    assert _zone().run(evaluate(["example.com"], None, dkim)).result == "pass"
