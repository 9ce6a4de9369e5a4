"""The records of a domain: told as a table and as a zone file, and compared with what the DNS has."""

import dns.zone
import pytest

from mail.trust.mtasts import Policy, id_of
from mail.trust.publish import DkimRecord, Record, State, records, seen, zone_file
from tests.unit.mail.trust.zone import Reply, public, rsa_key

KEY = f"v=DKIM1; k=rsa; p={public(rsa_key())}"
POLICY = Policy("enforce", ("mx.example.net",), 604_800)
FOUND = records(
    "example.org",
    "mx.example.net",
    [DkimRecord("r1", KEY), DkimRecord("e1", "v=DKIM1; k=ed25519; p=" + "A" * 43 + "=", signs=False)],
    certificate=b"key",
    policy=POLICY,
)
BY_NAME = {(one.name, one.kind): one for one in FOUND}


def test_every_record_there_is() -> None:
    assert [(one.name.removesuffix("example.org"), one.kind) for one in FOUND] == [
        ("", "MX"),
        ("", "TXT"),
        ("r1._domainkey.", "TXT"),
        ("e1._domainkey.", "TXT"),
        ("_dmarc.", "TXT"),
        ("_mta-sts.", "TXT"),
        ("mta-sts.", "CNAME"),
        ("_smtp._tls.", "TXT"),
        ("_submissions._tcp.", "SRV"),
        ("_imaps._tcp.", "SRV"),
        ("_submission._tcp.", "SRV"),
        ("_imap._tcp.", "SRV"),
        ("_pop3s._tcp.", "SRV"),
        ("_25._tcp.mx.example.net", "TLSA"),
    ]
    assert BY_NAME["example.org", "MX"].value == "10 mx.example.net."
    assert BY_NAME["_dmarc.example.org", "TXT"].value.endswith("rua=mailto:postmaster@example.org")
    assert BY_NAME["_pop3s._tcp.example.org", "SRV"].value == "0 0 0 ."
    needed = [one.name for one in FOUND if one.needed]
    assert needed == ["example.org", "example.org", "r1._domainkey.example.org", "_dmarc.example.org"]


def test_no_certificate_no_tlsa_and_reports_go_where_they_are_wanted() -> None:
    found = records("example.org", "mx.example.net", [], reports="dns@example.com")
    assert not [one for one in found if one.kind == "TLSA" or "mta-sts" in one.name]
    assert sum("rua=mailto:dns@example.com" in one.value for one in found) == 2


def test_pop3_is_found_where_it_is_served() -> None:
    """RFC 6186 3.3, and RFC 8314 5.1: TLS first."""
    found = records("example.org", "mx.example.net", [], pop3=True)
    assert [(one.name, one.value) for one in found if "pop3" in one.name] == [
        ("_pop3s._tcp.example.org", "0 5 995 mx.example.net."),
        ("_pop3._tcp.example.org", "0 6 110 mx.example.net."),
    ]


def test_jmap_is_found_where_it_is_served() -> None:
    found = records("example.org", "mx.example.net", [], jmap_port=8443)
    assert [one.value for one in found if one.name == "_jmap._tcp.example.org"] == ["0 1 8443 mx.example.net."]
    assert not [one for one in records("example.org", "mx.example.net", []) if "_jmap" in one.name]


def test_the_zone_file_is_read_by_others() -> None:
    text = zone_file(FOUND) + zone_file([Record("x.example.org", "TXT", 'a"b\\c\u00e9' + "d" * 300, "")])
    zone = dns.zone.from_text(
        "$TTL 60\n@ IN SOA a. b. 1 2 3 4 5\n@ IN NS a.\n" + text.replace("_25._tcp.mx.example.net.", "_25._tcp.mx"),
        origin="example.org.",
        relativize=False,
    )
    told = zone.get_rdataset("r1._domainkey.example.org.", "TXT")
    assert told is not None
    assert b"".join(told[0].strings).decode() == KEY
    assert all(len(string) <= 255 for string in told[0].strings)
    odd = zone.get_rdataset("x.example.org.", "TXT")
    assert odd is not None
    assert b"".join(odd[0].strings) == 'a"b\\c\u00e9'.encode() + b"d" * 300


@pytest.mark.parametrize(
    ("name", "kind", "answer", "state"),
    [
        ("example.org", "MX", [(10, "mx.example.net")], "present"),
        ("example.org", "MX", [(5, "other.example"), (20, "MX.example.net")], "present"),
        ("example.org", "MX", [(10, "other.example")], "differs"),
        ("example.org", "MX", [], "missing"),
        ("example.org", "MX", "nxdomain", "missing"),
        ("example.org", "MX", "tempfail", "unknown"),
        ("example.org", "TXT", [b"v=spf1 mx -all"], "present"),
        ("example.org", "TXT", [b"google-site=x", b"v=spf1  mx -all"], "present"),
        ("example.org", "TXT", [b"v=spf1 ~all"], "differs"),
        ("example.org", "TXT", [b"v=spf1 mx -all", b"v=spf1 -all"], "differs"),
        ("example.org", "TXT", [b"v=spf10 mx"], "missing"),
        ("r1._domainkey.example.org", "TXT", [KEY.encode()], "present"),
        ("r1._domainkey.example.org", "TXT", [KEY.removeprefix("v=DKIM1; k=rsa; ").encode()], "present"),
        ("r1._domainkey.example.org", "TXT", [b"v=DKIM1; p="], "differs"),
        ("r1._domainkey.example.org", "TXT", [b"v=DKIM1; p=" + public(rsa_key(1024)).encode()], "differs"),
        ("r1._domainkey.example.org", "TXT", [], "missing"),
        ("_dmarc.example.org", "TXT", [b"v=DMARC1; p=none"], "present"),
        ("_dmarc.example.org", "TXT", [b"v=DMARC1;p"], "differs"),
        ("_mta-sts.example.org", "TXT", [b"v=STSv1; id=" + id_of(POLICY).encode()], "present"),
        ("_mta-sts.example.org", "TXT", [b"v=STSv1; id=1;"], "differs"),
        ("_smtp._tls.example.org", "TXT", [b"v=TLSRPTv1; rua=mailto:a@b.c"], "present"),
        ("mta-sts.example.org", "CNAME", ["mx.example.net"], "present"),
        ("mta-sts.example.org", "CNAME", ["other.example"], "differs"),
        ("_imaps._tcp.example.org", "SRV", [(0, 1, 993, "mx.example.net")], "present"),
        ("_imaps._tcp.example.org", "SRV", [(0, 1, 994, "mx.example.net")], "differs"),
        ("_pop3s._tcp.example.org", "SRV", [(0, 0, 0, "")], "present"),
        ("_25._tcp.mx.example.net", "TLSA", [(3, 1, 1, b"\0" * 32)], "differs"),
    ],
)
def test_what_the_dns_has(name: str, kind: str, answer: object, state: str) -> None:
    reply = Reply(answer) if isinstance(answer, str) else Reply("ok", tuple(answer))  # type: ignore[arg-type]
    found = seen(BY_NAME[name, kind], reply)  # type: ignore[index]
    assert found.state == state
    assert bool(found.there) is (state in ("present", "differs"))


def test_the_tlsa_record_that_is_told_is_the_one_looked_for() -> None:
    one = BY_NAME["_25._tcp.mx.example.net", "TLSA"]
    usage, selector, matching, digest = one.value.split()
    there = (int(usage), int(selector), int(matching), bytes.fromhex(digest))
    assert seen(one, Reply("ok", (there,))).state is State.PRESENT
