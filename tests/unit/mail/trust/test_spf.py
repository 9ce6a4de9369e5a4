"""SPF beyond the standard's suite: cases as files in `spf/`, records made to hurt, and what a result tells."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mail.trust.questions import Question
from mail.trust.spf import DEFAULT, Limits, SpfResult, check_helo, check_host, check_mail_from
from tests.unit.mail.trust.asking import Zone

FILES = sorted((Path(__file__).parent / "spf").glob("*.toml"))


def zone_of(data: dict[str, Any]) -> Zone:
    """A file's zone: TXT as text, MX as pairs; `broken` as names or name/KIND."""
    records = {
        name: {kind: [_record(kind, one) for one in some] for kind, some in kinds.items()}
        for name, kinds in data["zone"].items()
    }
    broken = {tuple(one.split("/")) if "/" in one else one for one in data.get("broken", [])}
    return Zone(records, broken)


def _record(kind: str, value: Any) -> Any:
    return value.encode() if kind == "TXT" else tuple(value) if kind == "MX" else value


def _cases() -> list[Any]:
    return [
        pytest.param(case, data, id=f"{file.stem}: {case['name']}")
        for file in FILES
        for data in [tomllib.loads(file.read_text(encoding="utf-8"))]
        for case in data["case"]
    ]


@pytest.mark.parametrize(("case", "data"), _cases())
def test_case(case: dict[str, Any], data: dict[str, Any]) -> None:
    zone = zone_of(data)
    helo = case.get("helo", "client.test")
    found = zone.run(check_mail_from(case["ip"], case["from"], helo, receiver="receiver.test", now_s=1_700_000_000))
    assert found.result == case["result"], found.why
    assert (found.why != "") == (found.result in ("none", "temperror", "permerror"))
    assert found.by_local_part == case.get("by_local_part", found.by_local_part)
    assert found.mechanism == case.get("mechanism", found.mechanism)
    assert found.explanation == case.get("explanation", found.explanation)
    assert len(found.explanation) == case.get("explanation_chars", len(found.explanation))
    assert len(zone.asked) == case.get("asked", len(zone.asked))
    assert [question for question, _ in found.seen] == zone.asked


def _spf(*records: bytes, name: str = "example.com", **others: list[Any]) -> Zone:
    return Zone({name: {"TXT": list(records), **others}})


def _check(zone: Zone, ip: str = "192.0.2.1", limits: Limits = DEFAULT) -> SpfResult:
    return zone.run(check_mail_from(ip, "a@example.com", "client.test", limits=limits))


def test_a_record_of_includes_costs_no_more_than_ten() -> None:
    record = b"v=spf1 " + b" ".join(b"include:i%d.example.com" % number for number in range(200)) + b" -all"
    zone = Zone({"example.com": {"TXT": [record]}})
    zone.records |= {f"i{number}.example.com": {"TXT": [b"v=spf1 -all"]} for number in range(200)}
    assert len(record) > 4000
    found = _check(zone)
    assert (found.result, len(zone.asked)) == ("permerror", 11)


def test_includes_that_fan_out_cost_no_more_than_ten() -> None:
    record = b"v=spf1 " + b" ".join([b"include:example.com"] * 100)
    found = _check(zone := _spf(record))
    assert (found.result, len(zone.asked)) == ("permerror", 11)


def test_the_worst_record_is_bounded() -> None:
    hosts = [(10, f"h{number}.example.com") for number in range(10)]
    zone = _spf(b"v=spf1 " + b"mx " * 10 + b"-all", MX=hosts)
    zone.records |= {host: {"A": ["203.0.113.9"]} for _, host in hosts}
    found = _check(zone)
    assert found.result == "fail"
    assert (len(zone.asked), zone.rounds) == (1 + 10 * 11, 1 + 10 * 2)


def test_thousands_of_networks_are_one_question() -> None:
    networks = b" ".join(b"ip4:10.%d.%d.0/24" % (number // 250, number % 250) for number in range(900))
    found = _check(zone := _spf(b"v=spf1 " + networks + b" -all"), "10.3.149.7")
    assert (found.result, found.mechanism, len(zone.asked)) == ("pass", "ip4:10.3.149.0/24", 1)


def test_a_record_that_is_too_long_is_a_permerror() -> None:
    found = _check(_spf(b"v=spf1 " + b"ip4:10.0.0.0/8 " * 2000 + b"+all"))
    assert found.result == "permerror"
    assert "30011 bytes" in found.why


def test_limits_are_arguments() -> None:
    zone = _spf(b"v=spf1 a a +all", A=["203.0.113.1"])
    assert _check(zone).result == "pass"
    assert _check(zone, limits=Limits(terms=1)).result == "permerror"
    assert _check(_spf(b"v=spf1 a +all"), limits=Limits(voids=0)).result == "permerror"


def test_hosts_and_names_are_asked_for_together() -> None:
    zone = _spf(b"v=spf1 mx -all", MX=[(20, "b.example.com"), (10, "a.example.com")])
    zone.records |= {"a.example.com": {"A": ["192.0.2.1"]}, "b.example.com": {"A": ["192.0.2.2"]}}
    assert _check(zone, "192.0.2.2").result == "pass"
    assert zone.rounds == 3
    assert zone.asked[2:] == [Question("a.example.com", "A"), Question("b.example.com", "A")]


def test_names_of_the_client_beyond_the_tenth_are_not_looked_at() -> None:
    names = [f"h{number}.example.com" for number in range(11)]
    zone = _spf(b"v=spf1 ptr ?all")
    zone.records |= {"1.2.0.192.in-addr.arpa": {"PTR": names}, names[10]: {"A": ["192.0.2.1"]}}
    assert _check(zone).result == "neutral"
    assert len(zone.asked) == 1 + 1 + 10
    zone.records[names[9]] = {"A": ["192.0.2.1"]}
    assert _check(zone).result == "pass"


@pytest.mark.parametrize("local", ['"a\x01b"', '"a\r\n250 b"', "ä"])
def test_an_explanation_is_one_line_of_ascii_whatever_the_sender(local: str) -> None:
    zone = _spf(b"v=spf1 -all exp=why.test")
    zone.records["why.test"] = {"TXT": [b"%{l} may not"]}
    assert zone.run(check_mail_from("192.0.2.1", f"{local}@example.com", "client.test")).explanation == ""


def test_the_ehlo_identity() -> None:
    zone = _spf(b"v=spf1 ip4:192.0.2.1 exists:%{s}.x -all", name="Client.Test")
    found = zone.run(check_helo("192.0.2.1", "client.test"))
    assert (found.result, found.identity, found.domain) == ("pass", "helo", "client.test")
    assert zone.run(check_helo("192.0.2.1", "client")).result == "none"
    assert zone.run(check_helo("192.0.2.1", "")).result == "none"


def test_the_null_reverse_path_is_postmaster_at_the_ehlo_domain() -> None:
    zone = _spf(b"v=spf1 exists:%{l}.%{o}.ok.test -all", name="client.test")
    zone.records["postmaster.client.test.ok.test"] = {"A": ["127.0.0.2"]}
    found = zone.run(check_mail_from("192.0.2.1", "", "client.test"))
    assert (found.result, found.identity, found.by_local_part) == ("pass", "mailfrom", True)


def test_the_domain_may_be_another_than_the_senders() -> None:
    zone = _spf(b"v=spf1 exists:%{o}.%{d}.ok.test -all")
    zone.records["sender.test.example.com.ok.test"] = {"A": ["127.0.0.2"]}
    assert zone.run(check_host("192.0.2.1", "example.com", "a@sender.test", "client.test")).result == "pass"


def test_what_was_seen_is_told() -> None:
    found = _check(_spf(b"v=spf1 a ?all", A=["203.0.113.1"]))
    assert [question for question, _ in found.seen] == [Question("example.com", "TXT"), Question("example.com", "A")]
    assert found.seen[1][1].records == ("203.0.113.1",)
    assert (found.record, found.mechanism) == ("v=spf1 a ?all", "?all")


def test_no_mechanism_matched() -> None:
    found = _check(_spf(b"v=spf1 ip4:203.0.113.1"))
    assert (found.result, found.mechanism) == ("neutral", "default")
