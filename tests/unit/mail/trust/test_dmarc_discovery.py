"""Where records are looked for, and where an organization ends: the examples of RFC 9989 4.10, and its edges."""

from typing import Any

import pytest

from mail.trust.dmarc_discovery import Discovery, Unknown, walk
from tests.unit.mail.trust.asking import Zone


def _zone(broken: set[Any] | None = None, **tags: str) -> Zone:
    """`a_example_com="psd=n"`: the record at _dmarc.a.example.com."""
    records = {
        f"_dmarc.{name.replace('_', '.')}": {"TXT": [b"v=DMARC1; p=none;" + more.encode()]}
        for name, more in tags.items()
    }
    return Zone(records, broken or set())


def _organizational(zone: Zone, domain: str) -> str:
    return zone.run(Discovery().organizational(domain))


def _policy(zone: Zone, domain: str) -> str | None:
    found = zone.run(Discovery().policy(domain))
    return found and found.domain


def test_the_walk() -> None:
    assert walk("a.mail.example.com") == ["a.mail.example.com", "mail.example.com", "example.com", "com"]
    assert walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert [len(walk(".".join(["x"] * labels))) for labels in (2, 6, 7, 8, 9, 120)] == [2, 6, 7, 8, 8, 8]
    assert walk("a.b.c.d.e.f.g.com")[1] == "b.c.d.e.f.g.com"


def test_organizational_domain_of_the_examples() -> None:
    assert _organizational(_zone(mail_example_com="", example_com=""), "a.mail.example.com") == "example.com"
    assert _organizational(_zone(mail_example_com="psd=n", example_com=""), "a.mail.example.com") == "mail.example.com"
    assert _organizational(_zone(com="psd=y"), "a.mail.example.com") == "example.com"
    assert _organizational(_zone(example_com="psd=y"), "mail.example.com") == "mail.example.com"


def test_organizational_domain_at_the_edges() -> None:
    assert _organizational(_zone(), "a.mail.example.com") == "a.mail.example.com"
    assert _organizational(_zone(example_com="psd=y"), "example.com") == "example.com"
    assert _organizational(_zone(example_com="psd=n", com="psd=y"), "a.example.com") == "example.com"
    assert _organizational(_zone(a_example_com="", com="psd=y"), "b.a.example.com") == "example.com"
    assert _organizational(_zone(com=""), "a.example.com") == "com"
    assert _organizational(_zone(example_com="psd=y", com=""), "example.com") == "example.com"
    assert _organizational(_zone({"_dmarc.com"}, example_com="psd=y"), "a.example.com") == "a.example.com"


def test_several_records_are_none() -> None:
    zone = _zone(example_com="")
    zone.records["_dmarc.mail.example.com"] = {"TXT": [b"v=DMARC1; psd=n", b"v=DMARC1; p=none"]}
    assert _organizational(zone, "mail.example.com") == "example.com"
    assert _policy(zone, "mail.example.com") == "example.com"
    assert zone.run(Discovery(_last_two).policy("mail.example.com")) is None  # RFC 7489 6.6.3: that ends it


def test_other_texts_are_not_records() -> None:
    zone = Zone({"_dmarc.example.com": {"TXT": [b"hello", b"v=spf1 -all", b"v=DMARC1; p=none"]}})
    assert _policy(zone, "example.com") == "example.com"


def test_policy() -> None:
    zone = _zone(example_com="", a_b_example_com="", com="psd=y")
    assert _policy(zone, "a.b.example.com") == "a.b.example.com"
    assert _policy(zone, "x.a.b.example.com") == "example.com"
    assert _policy(zone, "example.com") == "example.com"
    assert _policy(zone, "x.other.com") == "com"
    assert _policy(zone, "example.net") is None


def test_questions_are_few_and_together() -> None:
    zone = _zone(example_com="")
    assert _policy(zone, "example.com") == "example.com"
    assert len(zone.asked) == 1
    zone = _zone()
    assert _policy(zone, "a.b.c.d.e.f.g.h.i.j.k.example.com") is None
    assert (len(zone.asked), zone.rounds) == (8, 2)


def test_nothing_is_asked_twice() -> None:
    zone = _zone(example_com="")
    discovery = Discovery()
    for _ in range(2):
        zone.run(discovery.policy("a.example.com"))
        zone.run(discovery.organizational("a.example.com"))
        zone.run(discovery.organizational("b.example.com"))
    assert len(zone.asked) == len(set(zone.asked)) == 4
    assert [question for question, _ in discovery.seen] == zone.asked


@pytest.mark.parametrize("broken", ["_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com"])
def test_an_answer_that_is_missing_is_not_no_record(broken: str) -> None:
    with pytest.raises(Unknown, match=broken):
        _policy(_zone({broken}), "a.example.com")


def test_what_is_missing_beyond_the_end_does_not_matter() -> None:
    assert _organizational(_zone({"_dmarc.com"}, example_com="psd=n"), "a.example.com") == "example.com"
    assert _policy(_zone({"_dmarc.com"}, a_example_com=""), "a.example.com") == "a.example.com"


def _last_two(domain: str) -> str | None:
    return ".".join(domain.split(".")[-2:]) if "." in domain else None


def test_by_a_list() -> None:
    zone = _zone(example_com="")
    assert zone.run(Discovery(_last_two).organizational("a.b.example.com")) == "example.com"
    assert zone.asked == []
    found = zone.run(Discovery(_last_two).policy("a.b.example.com"))
    assert found is not None
    assert (found.domain, len(zone.asked)) == ("example.com", 2)
    assert zone.run(Discovery(_last_two).policy("example.net")) is None
    with pytest.raises(Unknown):
        _zone({"_dmarc.example.com"}).run(Discovery(_last_two).policy("a.example.com"))


def test_names_that_are_too_long_are_not_asked_for() -> None:
    long = ".".join(["a" * 63] * 3 + ["a" * 50, "test"])
    zone = _zone()
    assert _policy(zone, long) is None
    assert f"_dmarc.{long}" not in [question.name for question in zone.asked]
