"""The DNS records that a domain with mail here publishes, and whether what is published does.

The law: pure; a record is told as DNS tools write it, names without the dot of the root. What others may have chosen
(their own policies) is not called wrong: only what would keep mail from coming, or from being believed.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from mail.trust.dkim_keys import parse_record
from mail.trust.dkim_tags import BadTags, parse
from mail.trust.mtasts import Policy, record_of
from mail.trust.questions import Answer, Status

Kind = Literal["MX", "TXT", "CNAME", "SRV", "TLSA"]

TTL_S: Final = 3600
STRING_BYTES_MAX: Final = 255  # of one string of a TXT record (RFC 1035 3.3.14)

# RFC 6186 3, RFC 8314 5.1: service, port; what is not offered has the port 0 and the root as its target.
_SERVICES: Final = (("_submissions", 465), ("_imaps", 993), ("_submission", 587), ("_imap", 143))
_POP3: Final = (("_pop3s", 995), ("_pop3", 110))
_NO_POP3: Final = (("_pop3s", 0),)


class Record(NamedTuple):
    """One record. `needed`: without it mail does not come, or is not believed elsewhere."""

    name: str
    kind: Kind
    value: str
    purpose: str
    needed: bool = False


class DkimRecord(NamedTuple):
    """A key to publish: `text` is the record."""

    selector: str
    text: str
    signs: bool = True  # others wait, or are retired


def records(
    domain: str,
    host: str,
    dkim: Iterable[DkimRecord],
    *,
    certificate: bytes = b"",
    policy: Policy | None = None,
    reports: str = "",
    pop3: bool = False,
    jmap_port: int = 0,
) -> tuple[Record, ...]:
    """What `domain` publishes whose mail `host` takes. Names in A-labels.

    `certificate`: the SubjectPublicKeyInfo (DER) that port 25 shows, for TLSA; `policy`: the MTA-STS policy that `host`
    serves; `reports`: who gets reports, else postmaster; `pop3`: whether mail can be fetched so; `jmap_port`: where
    JMAP is (RFC 8620 2.2), 0: nowhere.
    """
    to = f"mailto:{reports or f'postmaster@{domain}'}"
    return (
        Record(domain, "MX", f"10 {host}.", "where mail goes", needed=True),
        Record(domain, "TXT", "v=spf1 mx -all", "who may send (SPF)", needed=True),
        *(
            Record(f"{key.selector}._domainkey.{domain}", "TXT", key.text, "a signing key (DKIM)", needed=key.signs)
            for key in dkim
        ),
        Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=quarantine; rua={to}", "what unproven mail gets (DMARC)", True),
        *_policy(domain, host, policy),
        Record(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua={to}", "who hears of TLS failures (TLS-RPT)"),
        *_services(domain, host, _SERVICES + (_POP3 if pop3 else _NO_POP3)),
        *_services(domain, host, (("_jmap", jmap_port),) if jmap_port else ()),
        *_tlsa(host, certificate),
    )


def _policy(domain: str, host: str, policy: Policy | None) -> list[Record]:
    if policy is None:
        return []
    return [
        Record(f"_mta-sts.{domain}", "TXT", record_of(policy), "TLS is required (MTA-STS)"),
        Record(f"mta-sts.{domain}", "CNAME", f"{host}.", "where the MTA-STS policy is"),
    ]


def _services(domain: str, host: str, services: Sequence[tuple[str, int]]) -> list[Record]:
    return [
        Record(
            f"{name}._tcp.{domain}",
            "SRV",
            f"0 {number} {port} {host}." if port else "0 0 0 .",
            "found by mail programs" if port else "told to be absent",
        )
        for number, (name, port) in enumerate(services, 1)
    ]


def _tlsa(host: str, certificate: bytes) -> list[Record]:
    """DANE-EE over the key, which a renewed certificate may keep (RFC 7671 5.1)."""
    if not certificate:
        return []
    digest = hashlib.sha256(certificate).hexdigest()
    return [Record(f"_25._tcp.{host}", "TLSA", f"3 1 1 {digest}", "the TLS key (DANE); only with DNSSEC")]


def zone_file(found: Sequence[Record]) -> str:
    """The records as lines of a zone file (RFC 1035 5.1), absolute names."""
    return "".join(f"{one.name}. {TTL_S} IN {one.kind} {_rdata(one)}\n" for one in found)


def _rdata(record: Record) -> str:
    if record.kind != "TXT":
        return record.value
    text = record.value.encode()
    strings = [text[at : at + STRING_BYTES_MAX] for at in range(0, len(text), STRING_BYTES_MAX)]
    return " ".join(f'"{_quoted(string)}"' for string in strings)


def _quoted(string: bytes) -> str:
    characters = (
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03}" for byte in string
    )
    return "".join(characters)


class State(StrEnum):
    """What the DNS has of a record."""

    PRESENT = "present"
    DIFFERS = "differs"  # another one is there
    MISSING = "missing"
    UNKNOWN = "unknown"  # no answer was to be had


class Seen(NamedTuple):
    """`there`: what is published instead, in words."""

    state: State
    there: str = ""


def seen(record: Record, answer: Answer) -> Seen:
    """Whether an answer to (name, kind) has the record."""
    if answer.status == Status.TEMPFAIL:
        return Seen(State.UNKNOWN)
    if record.kind == "TXT":
        return _seen_text(record.value, [text for text in answer.records if isinstance(text, bytes)])
    there = [_told(record.kind, one) for one in answer.records]
    if not there:
        return Seen(State.MISSING)
    right = record.value.lower()
    first = {"MX": 1, "SRV": 2}.get(record.kind, 0)  # preference, priority and weight are the owner's to choose
    same = any(one.split()[first:] == right.split()[first:] for one in there)
    return Seen(State.PRESENT if same else State.DIFFERS, _joined(there))


def _told(kind: Kind, record: Any) -> str:
    """A record of an answer as its value is written here."""
    if kind == "CNAME":
        return f"{record}.".lower()
    if kind == "TLSA":
        usage, selector, matching, data = record
        return f"{usage} {selector} {matching} {data.hex()}"
    return " ".join(str(part) for part in record).lower() + "."


def _joined(there: Sequence[str]) -> str:
    return ", ".join(there[:5])


def _seen_text(wanted: str, there: Sequence[bytes]) -> Seen:
    """Of TXT records those of the same kind count, which their first tag tells."""
    begin = re.match(r"v=\w+", wanted)
    kind = begin[0] if begin else wanted
    alike = [text for text in there if _begins(text, kind)]
    if not alike:
        return Seen(State.MISSING)
    told = _joined([text.decode("utf-8", "replace") for text in alike])
    if len(alike) > 1:  # each of these standards takes two for none
        return Seen(State.DIFFERS, told)
    same = _SAME.get(kind, _same_text)
    return Seen(State.PRESENT if same(wanted.encode(), alike[0]) else State.DIFFERS, told)


def _begins(text: bytes, kind: str) -> bool:
    if kind == "v=DKIM1":  # v= may be absent (RFC 6376 3.6.1)
        return b"p=" in text
    return re.match(rb"\s*v\s*=\s*%s(?!\w)" % kind[2:].encode(), text, re.IGNORECASE) is not None


def _same_text(wanted: bytes, there: bytes) -> bool:
    """But for white space and a semicolon at its end. The id of an MTA-STS policy must be ours: with another one,
    senders keep the policy that they have."""
    return wanted.rstrip(b"; ").split() == there.rstrip(b"; ").split()


def same_key(wanted: bytes, there: bytes) -> bool:
    """Whether two key records hold the same key and serve for mail signed by it."""
    try:
        one, other = parse_record(wanted), parse_record(there)
        same = parse(wanted).binary("p") == parse(there).binary("p")
    except BadTags:
        return False
    digest = f"{one.kind}-sha256"
    return same and one.kind == other.kind and not other.refusal(digest)


def _any_policy(needed: str) -> Callable[[bytes, bytes], bool]:
    """Whether a tag list has a tag: which value, is the owner's to choose."""

    def same(_wanted: bytes, there: bytes) -> bool:
        try:
            return bool(parse(there).text(needed))
        except BadTags:
            return False

    return same


_SAME: Final[dict[str, Callable[[bytes, bytes], bool]]] = {
    "v=DKIM1": same_key,
    "v=DMARC1": _any_policy("p"),
    "v=TLSRPTv1": _any_policy("rua"),
}
