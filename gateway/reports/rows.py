"""What is counted of messages and sessions, as rows of the ledger; and rows as reports again. Pure.

The law: a row holds what the report will say, and no more of a recipient than the domain. Rows that are equal as bytes
are counted together. A row that cannot be read, or is of a newer version, is left out.
"""

import hashlib
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.report.types import Counted
from gateway.trust.verdict import Verdict
from mail.reports.aggregate import Aggregate, Checked, Published, Reason, Record
from mail.reports.tls import Applied, Failure, Policy, Range, Summary, TlsReport, moment
from mail.trust.dmarc_record import Record as DmarcRecord
from mail.trust.names import a_label, domain_of

DAY_S: Final = 86_400
ROWS_MAX: Final = 20_000  # of one domain's day that are reported: 15 MB of XML, 1 MB as it is sent
SIGNATURES_MAX: Final = 10  # told of one message; it makes rows differ
TEXT_CHARS_MAX: Final = 200
STRINGS_MAX: Final = 20  # of one policy for TLS; a row has room for them
POLICIES_MAX: Final = 5  # published in one day that are told apart: a report for each (RFC 7489 7.2)
TLS_POLICIES_MAX: Final = 100  # of one domain's day
FAILURES_MAX: Final = 500  # of one policy, the most frequent

RESULT_TYPES: Final = frozenset({
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
    "validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error",
    "sts-policy-invalid", "sts-webpki-invalid",
})  # fmt: skip
"""RFC 8460 4.3."""


class DmarcRow(Struct, frozen=True):
    """`record.count` is 0: the ledger counts."""

    record: Record
    policy: Published


class TlsRow(Struct, frozen=True, omit_defaults=True):
    """A session that used a policy, or could not: `failures` without counts."""

    policy: Policy
    ok: bool
    failures: list[Failure] = []


_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_encode: Final = msgspec.msgpack.Encoder().encode
_dmarc: Final = msgspec.msgpack.Decoder(DmarcRow)
_tls: Final = msgspec.msgpack.Decoder(TlsRow)


# -- DMARC -----------------------------------------------------------------------------------------------------------


def dmarc_row(
    verdict: Verdict, applied: str, reasons: Sequence[str] = (), recipient_domain: str = ""
) -> tuple[str, bytes] | None:
    """Whose report a message is in, and as what; None where nobody wants to know.

    `applied`: what was done, none, quarantine or reject. `reasons`: why it is not what the policy asks for, in the
    words of RFC 7489 appendix C. `recipient_domain`: of the first recipient, empty for none.
    """
    dmarc = verdict.dmarc
    if dmarc is None or dmarc.record is None or not dmarc.record.rua or dmarc.result not in ("pass", "fail"):
        return None
    why = [*reasons, *{"testing": ["policy_test_mode"], "sampled": ["sampled_out"]}.get(dmarc.relaxed_by, [])]
    record = Record(
        verdict.envelope.ip,
        0,
        "pass" if dmarc.result == "pass" and applied == "none" else applied,
        "pass" if dmarc.dkim_aligned else "fail",
        "pass" if dmarc.spf_aligned else "fail",
        dmarc.domain,
        _domain(verdict.envelope.sender),
        a_label(recipient_domain) or "",
        tuple(Reason(_cut(word)) for word in dict.fromkeys(why)),
        _signatures(verdict),
        _spf(verdict),
    )
    return dmarc.policy_domain, _encode(DmarcRow(record, _published(dmarc.policy_domain, dmarc.record)))


def _signatures(verdict: Verdict) -> tuple[Checked, ...]:
    found = [Checked(_cut(one.domain), str(one.result), _cut(one.selector)) for one in verdict.dkim or () if one.domain]
    return tuple(dict.fromkeys(found))[:SIGNATURES_MAX]


def _spf(verdict: Verdict) -> tuple[Checked, ...]:
    spf = verdict.envelope.spf
    if spf is None or not spf.domain:
        return ()
    return (Checked(_cut(spf.domain), spf.result, scope="mfrom" if verdict.envelope.sender else "helo"),)


def _published(domain: str, record: DmarcRecord) -> Published:
    return Published(
        domain,
        p=record.policy_for("p")[0],
        sp=record.policy_for("sp")[0],
        np=record.np or "",
        adkim=record.adkim,
        aspf=record.aspf,
        pct=str(record.pct),
        fo=":".join(record.fo),
        testing="y" if record.testing else "n",
    )


class Us(NamedTuple):
    """Who reports."""

    host: str
    organization: str
    email: str
    contact: str = ""
    generator: str = "Rookery"


def aggregates(counted: Iterable[Counted], us: Us, domain: str, day: int, *, is_whole: bool = True) -> list[Aggregate]:
    """The reports of a domain's day: one for each policy that it published then, the same for the same counts but for
    what was counted since. `is_whole`: all that was counted is here."""
    by_policy: dict[Published, list[Record]] = {}
    for one in counted:
        try:
            row = _dmarc.decode(one.row)
        except _UNREADABLE:
            continue
        if row.policy not in by_policy and len(by_policy) >= POLICIES_MAX:  # whose record changes all the time
            row = DmarcRow(row.record, next(iter(by_policy)))
        by_policy.setdefault(row.policy, []).append(replace(row.record, count=one.count))
    errors = () if is_whole else (f"there was more than is told here: {ROWS_MAX} different records at most",)
    found = []
    for number, policy in enumerate(sorted(by_policy, key=msgspec.json.encode)):
        records = sorted(by_policy[policy], key=lambda record: (-record.count, record.source_ip, record.header_from))
        found.append(
            Aggregate(
                us.organization,
                us.email,
                report_id(b"dmarc", us, domain, day, number),
                day * DAY_S,
                (day + 1) * DAY_S - 1,
                policy,
                tuple(records),
                us.contact,
                us.generator,
                errors,
            )
        )
    return found


def report_id(kind: bytes, us: Us, domain: str, day: int, number: int = 0) -> str:
    """What a report is called: the same for the same, however often it is made; fit for the left side of Message-ID."""
    seed = b"\0".join((b"report", kind, us.host.encode(), domain.encode("utf-8", "replace"), b"%d %d" % (day, number)))
    return f"{day}.{hashlib.sha256(seed).hexdigest()[:24]}"


# -- TLS -------------------------------------------------------------------------------------------------------------


class Problem(Protocol):
    """What went wrong before any host was connected to (gateway.outbound.tlspolicy)."""

    @property
    def kind(self) -> str: ...
    @property
    def failure(self) -> str: ...
    @property
    def why(self) -> str: ...


class TlsPolicy(Protocol):
    """What was asked of a host (gateway.outbound.tlspolicy)."""

    @property
    def kind(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def strings(self) -> Sequence[str]: ...
    @property
    def patterns(self) -> Sequence[str]: ...
    @property
    def problems(self) -> Sequence[Problem]: ...


class TlsOutcome(Protocol):
    """One session (gateway.outbound.tlspolicy). `failure`: a result type, empty where it went well."""

    @property
    def domain(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def policy(self) -> TlsPolicy: ...
    @property
    def failure(self) -> str: ...
    @property
    def why(self) -> str: ...


def tls_rows(outcome: TlsOutcome) -> tuple[str, tuple[bytes, ...]] | None:
    """Whose report a session is in, and as what: under the policy that was used, and under each that could not be
    (RFC 8460 4.2, 4.3). None: there is nobody to tell."""
    domain = a_label(outcome.domain)
    if domain is None:
        return None
    used = outcome.policy
    rows = [TlsRow(_policy(used, domain), not outcome.failure, [_session(outcome)] if outcome.failure else [])]
    for problem in used.problems:
        failure = Failure(_type(problem.failure), failure_reason_code=_cut(problem.why) or None)
        if problem.kind == used.kind:
            rows[0] = replace(rows[0], failures=[*rows[0].failures, failure])
        else:
            rows.append(TlsRow(Policy(problem.kind, policy_domain=domain), ok=False, failures=[failure]))
    return domain, tuple(_encode(row) for row in rows)


def _session(outcome: TlsOutcome) -> Failure:
    return Failure(
        _type(outcome.failure),
        sending_mta_ip=outcome.source or None,
        receiving_mx_hostname=outcome.host or None,
        receiving_ip=outcome.ip or None,
        failure_reason_code=_cut(outcome.why) or None,
    )


def _type(failure: str) -> str:
    return failure if failure in RESULT_TYPES else "validation-failure"


def _policy(policy: TlsPolicy, domain: str) -> Policy:
    if policy.kind == "no-policy-found":
        return Policy("no-policy-found", policy_domain=domain)
    return Policy(
        policy.kind,
        [_cut(text) for text in policy.strings[:STRINGS_MAX]] or None,
        policy.domain or domain,
        [_cut(text) for text in policy.patterns[:STRINGS_MAX]] or None,
    )


class _Sums:
    """What there was under one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.good = 0
        self.bad = 0
        self.failures: Counts[bytes] = Counts()

    def add(self, row: TlsRow, count: int) -> None:
        if row.ok:
            self.good += count
        else:
            self.bad += count
        for failure in row.failures:
            self.failures[_encode(failure)] += count

    def applied(self) -> Applied:
        most = sorted(self.failures.items(), key=lambda item: (-item[1], item[0]))[:FAILURES_MAX]
        told = [replace(_failure.decode(key), failed_session_count=count) for key, count in most]
        return Applied(self.policy, Summary(self.good, self.bad), told or None)


_failure: Final = msgspec.msgpack.Decoder(Failure)


def tls_report(counted: Iterable[Counted], us: Us, domain: str, day: int) -> TlsReport | None:
    """The report of a domain's day; None where nothing can be told."""
    sums: dict[bytes, _Sums] = {}
    for one in counted:
        try:
            row = _tls.decode(one.row)
        except _UNREADABLE:
            continue
        key = _encode(row.policy)
        if key in sums or len(sums) < TLS_POLICIES_MAX:
            sums.setdefault(key, _Sums(row.policy)).add(row, one.count)
    if not sums:
        return None
    return TlsReport(
        us.organization,
        Range(moment(day * DAY_S), moment((day + 1) * DAY_S - 1)),
        report_id(b"tls", us, domain, day),
        [sums[key].applied() for key in sorted(sums)],
        us.contact or us.email,
    )


def _domain(address: str) -> str:
    return a_label(domain_of(address)) or ""


def _cut(text: str) -> str:
    return text[:TEXT_CHARS_MAX].encode("utf-8", "replace").decode()
