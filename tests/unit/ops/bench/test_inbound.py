"""A round of checked mail and one of signed mail, against a real server and a real DNS server."""

from pathlib import Path

from ops.bench.figures import Value
from ops.bench.inbound import (
    ACCOUNTS,
    ALL,
    CASES,
    SIGNING,
    CheckingRookery,
    SigningRookery,
    checked_round,
    signing_round,
    with_costs,
)
from ops.bench.peers import DOMAIN, OURS, free_ports, scratch
from ops.bench.sending import post
from ops.bench.signed import FORWARDER, correspondents, letters, name_server, rsa_key, unsigned_letters, zones


def test_every_check_passes_what_the_bench_sends(tmp_path: Path) -> None:
    senders, forwarder = correspondents(2), rsa_key(FORWARDER)
    sent = letters(24, ACCOUNTS, senders, forwarder)
    with post(sent) as sender, scratch(tmp_path) as path, name_server(zones(senders, forwarder), path) as dns:
        server = CheckingRookery(path, free_ports(), checks=CASES[ALL], dns=dns)
        values = list(checked_round(server, ALL, sender, sent, domains=2))  # raises where one does not
    assert [(value.what, value.unit) for value in values] == [
        (f"{ALL}, first of a domain", "messages/s"),
        (f"{ALL}, first of a domain", "ms/message"),
        (ALL, "messages/s"),
        (ALL, "ms/message"),
    ]
    assert all(value.value > 0 for value in values)
    assert list(tmp_path.iterdir()) == []


def test_mail_of_who_may_relay_is_signed(tmp_path: Path) -> None:
    case = "DKIM by Ed25519"
    sent = unsigned_letters(ACCOUNTS + 4, ACCOUNTS, f"user0@{DOMAIN}")
    with post(sent) as sender, scratch(tmp_path) as path:
        server = SigningRookery(path, free_ports(), algorithms=SIGNING[case])
        values = list(signing_round(server, case, sender, len(sent)))  # raises where there is no signature
    assert [value.unit for value in values] == ["messages/s", "ms/message"]


def test_a_cost_is_what_a_case_takes_more() -> None:
    taken = {
        "spf only": [Value("spf only", "messages/s", OURS, 50.0), Value("spf only", "ms/message", OURS, 5.5)],
        "no checks": [Value("no checks", "messages/s", OURS, 90.0), Value("no checks", "ms/message", OURS, 4.0)],
    }
    values = list(with_costs(taken, "no checks"))
    assert values[:2] == taken["no checks"]
    assert values[-1] == Value("spf only: more than no checks", "ms/message", OURS, 1.5)
    assert len(values) == 5
