"""Questions and answers of the DNS as bytes, against dnspython's reading of the same."""

import struct
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.dns import codec

NAME = "host.example.test"


def answer(*rrsets: str, name: str = NAME, kind: str = "A", rcode: int = 0, soa: str = "", flags: int = 0) -> bytes:
    """The wire form of an answer, made by dnspython."""
    response = dns.message.make_response(dns.message.make_query(name, kind))
    response.set_rcode(rcode)  # type: ignore[arg-type]
    response.flags |= flags
    for text in rrsets:
        owner, ttl, type_, rdata = text.split(" ", 3)
        response.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", type_, rdata))
    if soa:
        owner, ttl, rdata = soa.split(" ", 2)
        response.authority.append(dns.rrset.from_text(owner, int(ttl), "IN", "SOA", rdata))
    return response.to_wire()


@pytest.mark.parametrize(
    ("kind", "text", "record"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8:0::1", "2001:db8::1"),
        ("CNAME", "Other.Test.", "other.test"),
        ("MX", "10 MX.Example.test.", (10, "mx.example.test")),
        ("MX", "0 .", (0, "")),
        ("NS", "ns.example.test.", "ns.example.test"),
        ("PTR", "a\\.b.example.test.", "a\\046b.example.test"),
        ("SRV", "1 2 443 srv.example.test.", (1, 2, 443, "srv.example.test")),
        ("TLSA", "3 1 0 00ff", (3, 1, 0, b"\x00\xff")),
        ("TXT", '"one " "two"', b"one two"),
        ("TXT", '""', b""),
    ],
)
def test_a_record_of_each_kind(kind: str, text: str, record: Any) -> None:
    reply = codec.read(answer(f"{NAME}. 60 {kind} {text}", kind=kind), NAME, kind)
    assert reply == codec.Reply("ok", (record,), NAME, 60, rcode=0)


def test_a_chain_of_names_is_followed_and_the_shortest_time_counts() -> None:
    data = answer(f"{NAME}. 60 CNAME b.test.", "c.test. 300 A 192.0.2.3", "b.test. 9 CNAME c.test.")
    assert codec.read(data, NAME, "A") == codec.Reply("ok", ("192.0.2.3",), "c.test", 9, rcode=0)


def test_records_of_other_names_are_not_the_answer() -> None:
    data = answer("other.test. 60 A 192.0.2.66", f"{NAME}. 60 A 192.0.2.1")
    assert codec.read(data, NAME, "A").records == ("192.0.2.1",)


def test_chains_end() -> None:
    ring = answer(f"{NAME}. 60 CNAME b.test.", f"b.test. 60 CNAME {NAME}.")
    assert codec.read(ring, NAME, "A") == codec.failed("too many CNAMEs")
    steps = [f"{'host.example' if at == 0 else f'n{at}'}.test. 60 CNAME n{at + 1}.test." for at in range(17)]
    assert codec.read(answer(*steps, "n17.test. 60 A 192.0.2.1"), NAME, "A") == codec.failed("too many CNAMEs")
    assert codec.read(answer(*steps[:16], "n16.test. 60 A 192.0.2.1"), NAME, "A").records == ("192.0.2.1",)


@pytest.mark.parametrize(("rcode", "status"), [(0, "ok"), (3, "nxdomain")])
def test_no_record_holds_as_long_as_the_zone_says(rcode: int, status: str) -> None:
    soa = "example.test. 300 ns.example.test. h.example.test. 1 2 3 4 90"
    reply = codec.read(answer(rcode=rcode, soa=soa), NAME, "A")
    assert (reply.status, reply.records, reply.ttl_s) == (status, (), 90)
    assert codec.read(answer(rcode=rcode), NAME, "A").ttl_s == 0  # RFC 2308 §5


@pytest.mark.parametrize(("rcode", "why"), [(2, "SERVFAIL"), (5, "REFUSED"), (1, "FORMERR"), (9, "RCODE 9")])
def test_what_the_server_could_not_tell_is_a_failure(rcode: int, why: str) -> None:
    reply = codec.read(answer(rcode=rcode), NAME, "A")
    assert (reply.status, reply.why, reply.rcode) == ("tempfail", why, rcode)


def test_the_authentic_bit_is_told() -> None:
    assert codec.read(answer(f"{NAME}. 60 A 192.0.2.1", flags=0x20), NAME, "A").authentic
    assert not codec.read(answer(f"{NAME}. 60 A 192.0.2.1"), NAME, "A").authentic


def test_a_time_above_31_bits_counts_as_none() -> None:
    data = answer(f"{NAME}. 60 A 192.0.2.1").replace(struct.pack("!I", 60), struct.pack("!I", 1 << 31))
    assert codec.read(data, NAME, "A").ttl_s == 0


@pytest.mark.parametrize(
    ("kind", "rdata", "why"),
    [
        ("A", b"\1\2\3", "an address is not 4 bytes"),
        ("AAAA", b"\1" * 15, "an address is not 16 bytes"),
        ("TXT", b"\5abc", "a string ends behind its record"),
        ("TXT", b"", "a string ends behind its record"),
        ("MX", b"\0", "a record is too short"),
        ("MX", b"\0\1\1a\0x", "a name does not fill its record"),
        ("SRV", b"\0\1\0\1", "a record is too short"),
        ("TLSA", b"\3\1", "a record is too short"),
        ("NS", b"\x80", "a label of no known type"),
        ("NS", (b"\x3f" + b"a" * 63) * 4 + b"\0", "a name is too long"),
        ("NS", b"\xc0\xff", "a pointer does not go back"),
    ],
)
def test_a_malformed_record_spoils_the_answer(kind: str, rdata: bytes, why: str) -> None:
    question = codec.question(codec.wire_name(NAME), kind)
    head = struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + question
    data = head + b"\xc0\x0c" + question[-4:] + struct.pack("!IH", 60, len(rdata)) + rdata
    assert codec.read(data, NAME, kind).why == f"malformed answer: {why}"


def test_a_cut_answer_is_malformed_wherever_it_was_cut() -> None:
    data = answer(f"{NAME}. 60 CNAME b.test.", "b.test. 60 A 192.0.2.1")
    question_end = 12 + len(codec.question(codec.wire_name(NAME), "A"))
    for at in range(question_end, len(data)):
        assert codec.read(data[:at], NAME, "A").status == "tempfail"
    assert codec.read(data, NAME, "A").status == "ok"


def test_more_records_than_anybody_needs() -> None:
    head = struct.pack("!6H", 7, 0x8180, 1, codec.RECORDS_MAX + 1, 0, 0)
    data = head + codec.question(codec.wire_name(NAME), "A") + bytes(60_000)
    assert codec.read(data, NAME, "A").why == "malformed answer: too many records"


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a" * 64, ".".join(["a" * 62] * 5), "\ud800.test", "a.."])
def test_what_is_no_name(name: str) -> None:
    assert codec.wire_name(name) == b""


def test_names_of_the_greatest_length() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(codec.wire_name(longest)) == 255
    assert codec.wire_name(longest + "d") == b""
    assert codec.wire_name("A.Test.") == b"\1a\4test\0"


@given(st.integers(0, 2 ** (8 * 22) - 1))
def test_shaken_letters_are_the_same_question(bits: int) -> None:
    question = codec.question(codec.wire_name("ab-1.example.test"), "MX")
    shaken = codec.shaken(question, bits)
    assert shaken.lower() == question
    assert shaken[-4:] == question[-4:]


def test_letters_are_shaken_by_the_bits_given() -> None:
    question = codec.question(codec.wire_name("abc.test"), "A")
    assert codec.shaken(question, (1 << 8 * len(question)) - 1)[:-4] == b"\3ABC\4TEST\0"
    assert codec.shaken(question, 0) == question


@pytest.mark.parametrize("dnssec", [True, False])
def test_a_query_says_what_is_wanted(dnssec: bool) -> None:
    query = dns.message.from_wire(codec.query(77, codec.question(codec.wire_name(NAME), "TLSA"), dnssec=dnssec))
    assert (query.id, query.question[0].name.to_text(), query.payload) == (77, NAME + ".", 1232)
    assert query.question[0].rdtype == dns.rdatatype.TLSA
    assert dns.flags.to_text(query.flags) == "RD AD"
    assert query.ednsflags == (0x8000 if dnssec else 0)
    old = dns.message.from_wire(codec.query(77, codec.question(codec.wire_name(NAME), "A"), payload=0))
    assert old.edns == -1


def test_only_an_answer_to_the_question_is_one() -> None:
    question = codec.question(codec.wire_name(NAME), "A")
    data = answer(f"{NAME}. 60 A 192.0.2.1")
    assert codec.is_answer(data, question)
    assert codec.is_answer(data, question.upper())
    assert not codec.is_answer(codec.query(1, question), question)
    assert not codec.is_answer(data, codec.question(codec.wire_name(NAME), "MX"))
    assert not codec.is_answer(data[:20], question)


@given(st.binary(max_size=400), st.sampled_from(sorted(codec.KINDS)))
def test_no_bytes_raise_anything(tail: bytes, kind: str) -> None:
    question = codec.question(codec.wire_name(NAME), kind)
    for head in (struct.pack("!6H", 7, 0x8180, 1, 3, 1, 0) + question, b""):
        assert codec.read(head + tail, NAME, kind).status in ("ok", "nxdomain", "tempfail")
