"""DMARC aggregate reports (RFC 7489 7.2 and appendix C; RFC 9990): as values, from XML and to XML.

The law: what is read is bounded and plain; a record without an address or a count is left out, and told of. Words of
results are in lower case whatever case they came in.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

from mail.reports.elements import PROBLEMS_MAX, End, Text, elements
from mail.reports.errors import ReportError

RECORDS_MAX: Final = 200_000
RESULTS_MAX: Final = 100  # of DKIM in a record
REASONS_MAX: Final = 20
# RFC 7489 appendix C
REASONS: Final = ("forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "other")
NAMESPACE: Final = "urn:ietf:params:xml:ns:dmarc-2.0"  # RFC 9990
_COUNT_DIGITS_MAX: Final = 12


class Reason(Struct, frozen=True, omit_defaults=True):
    """Why another disposition than the policy's: forwarded, sampled_out, trusted_forwarder, mailing_list, ..."""

    type: str
    comment: str = ""


class Checked(Struct, frozen=True, omit_defaults=True):
    """One result of DKIM (with a selector) or SPF (with a scope: mfrom or helo)."""

    domain: str
    result: str
    selector: str = ""
    scope: str = ""
    words: str = ""


class Record(Struct, frozen=True, omit_defaults=True):
    """Messages alike."""

    source_ip: str
    count: int
    disposition: str  # none, quarantine, reject; pass (RFC 9990)
    dkim: str  # pass or fail, aligned
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    reasons: tuple[Reason, ...] = ()
    dkim_results: tuple[Checked, ...] = ()
    spf_results: tuple[Checked, ...] = ()


class Published(Struct, frozen=True, omit_defaults=True):
    """The policy that was found."""

    domain: str
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    pct: str = ""
    fo: str = ""
    testing: str = ""
    discovery_method: str = ""


class Aggregate(Struct, frozen=True, omit_defaults=True):
    """A report. Times in seconds since 1970."""

    org_name: str
    email: str
    report_id: str
    begin_s: int
    end_s: int
    policy: Published
    records: tuple[Record, ...]
    contact: str = ""
    generator: str = ""
    errors: tuple[str, ...] = ()  # that its writer tells of
    problems: tuple[str, ...] = ()  # found while reading


def parse(data: bytes) -> Aggregate:
    """Read a report from its XML. Raises ReportError."""
    reading = _Reading()
    for element in elements(_decoded(data), reading.problem):
        if isinstance(element, End):
            reading.end(element.path[-1], element.path[-2] if len(element.path) > 1 else "")
        else:
            reading.text(element)
    return reading.report()


def render(report: Aggregate, *, rfc9990: bool = False) -> bytes:
    """A report as XML: in the form of RFC 7489, which everybody reads, or of RFC 9990."""
    out: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
    out.append(f'<feedback xmlns="{NAMESPACE}">' if rfc9990 else "<feedback>")
    out.append("<version>1.0</version>")
    meta = [("org_name", report.org_name), ("email", report.email), ("extra_contact_info", report.contact)]
    out.append("<report_metadata>")
    out += _fields([*meta, ("report_id", report.report_id)])
    out.append(f"<date_range><begin>{report.begin_s}</begin><end>{report.end_s}</end></date_range>")
    out += _fields([("error", text) for text in report.errors])
    if rfc9990:
        out += _fields([("generator", report.generator)])
    out.append("</report_metadata><policy_published>")
    out += _fields(_policy(report.policy, rfc9990=rfc9990))
    out.append("</policy_published>")
    for record in report.records:
        out += _record(record, rfc9990=rfc9990)
    out.append("</feedback>\n")
    return "\n".join(out).encode("utf-8", "replace")


def _policy(policy: Published, *, rfc9990: bool) -> list[tuple[str, str]]:
    fields = [("domain", policy.domain), ("adkim", policy.adkim), ("aspf", policy.aspf), ("p", policy.p)]
    fields.append(("sp", policy.sp or policy.p))
    if rfc9990:
        fields += [("np", policy.np), ("fo", policy.fo), ("testing", policy.testing)]
        return [*fields, ("discovery_method", policy.discovery_method)]
    return [*fields, ("pct", policy.pct or "100"), ("fo", policy.fo or "0")]


def _record(record: Record, *, rfc9990: bool) -> Iterable[str]:
    disposition = record.disposition
    if disposition == "pass" and not rfc9990:
        disposition = "none"
    yield f"<record><row><source_ip>{escape(record.source_ip)}</source_ip><count>{record.count}</count>"
    yield "<policy_evaluated>"
    yield from _fields([("disposition", disposition), ("dkim", record.dkim), ("spf", record.spf)])
    for reason in record.reasons if rfc9990 else map(_known, record.reasons):
        yield "<reason>"
        yield from _fields([("type", reason.type), ("comment", reason.comment)])
        yield "</reason>"
    yield "</policy_evaluated></row><identifiers>"
    yield from _fields([("envelope_to", record.envelope_to), ("envelope_from", record.envelope_from)])
    if not record.envelope_from and not rfc9990:  # its schema wants one, also of the null reverse-path
        yield "<envelope_from></envelope_from>"
    yield from _fields([("header_from", record.header_from)])
    yield "</identifiers><auth_results>"
    for kind, results in (("dkim", record.dkim_results), ("spf", record.spf_results)):
        for one in results:
            yield f"<{kind}><domain>{escape(one.domain)}</domain>"
            yield from _fields([("selector", one.selector), ("scope", one.scope), ("result", one.result)])
            if kind == "dkim" or rfc9990:
                yield from _fields([("human_result", one.words)])
            yield f"</{kind}>"
    if not record.spf_results and not rfc9990:  # its schema wants one
        yield f"<spf><domain>{escape(record.header_from)}</domain><scope>mfrom</scope><result>none</result></spf>"
    yield "</auth_results></record>"


def _known(reason: Reason) -> Reason:
    """As RFC 7489 has them: what it does not know is another one's words."""
    return reason if reason.type in REASONS else Reason("other", reason.comment or reason.type)


def _fields(fields: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"<{name}>{escape(_clean(value))}</{name}>" for name, value in fields if value)


def _clean(text: str) -> str:
    """XML has no place for control characters."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


class _Reading:
    """What was read so far."""

    def __init__(self) -> None:
        self._meta: dict[str, str] = {}
        self._policy: dict[str, str] = {}
        self._errors: list[str] = []
        self._records: list[Record] = []
        self._problems: list[str] = []
        self._is_report = False
        self._row: dict[str, str] = {}
        self._checked: dict[str, str] = {}
        self._reason: dict[str, str] = {}
        self._reasons: list[Reason] = []
        self._dkim: list[Checked] = []
        self._spf: list[Checked] = []

    def problem(self, text: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(text)

    def text(self, element: Text) -> None:
        """A field, told by its name and by what is around it."""
        path, text = element
        name, around = path[-1], path[:-1]
        self._is_report = self._is_report or "feedback" in around
        if "record" in around:
            self._record_field(name, around, text)
        elif "policy_published" in around:
            self._policy.setdefault(name, text)
        elif "report_metadata" in around:
            if name == "error":
                self._errors.append(text)
            else:
                self._meta.setdefault(name, text)

    def _record_field(self, name: str, around: tuple[str, ...], text: str) -> None:
        inner = around[-1]
        if "auth_results" in around and inner in ("dkim", "spf"):
            self._checked.setdefault(name, text)
        elif inner == "reason":
            self._reason.setdefault(name, text)
        else:
            self._row.setdefault(name, text)

    def end(self, name: str, around: str) -> None:
        """A group of fields is complete."""
        if around == "auth_results" and name in ("dkim", "spf"):
            found, self._checked = self._checked, {}
            results = self._dkim if name == "dkim" else self._spf
            if len(results) < RESULTS_MAX:
                result = found.get("result", "").lower()
                scope = found.get("scope", "").lower()
                words = found.get("human_result", "")
                results.append(Checked(found.get("domain", ""), result, found.get("selector", ""), scope, words))
        elif name == "reason":
            found, self._reason = self._reason, {}
            if found.get("type") and len(self._reasons) < REASONS_MAX:
                self._reasons.append(Reason(found["type"].lower(), found.get("comment", "")))
        elif name == "record":
            self._end_record()

    def _end_record(self) -> None:
        if len(self._records) >= RECORDS_MAX:
            raise ReportError(f"it has more than {RECORDS_MAX} records")
        try:
            self._records.append(self._record())
        except ValueError as error:
            self.problem(f"a record is left out: {error}")
        self._row, self._checked, self._reason = {}, {}, {}
        self._reasons, self._dkim, self._spf = [], [], []

    def _record(self) -> Record:
        row = self._row
        return Record(
            str(ipaddress.ip_address(row.get("source_ip", ""))),
            _number(row.get("count", "")),
            row.get("disposition", "none").lower() or "none",
            row.get("dkim", "").lower(),
            row.get("spf", "").lower(),
            row.get("header_from", "").lower(),
            row.get("envelope_from", "").lower(),
            row.get("envelope_to", "").lower(),
            tuple(self._reasons),
            tuple(self._dkim),
            tuple(self._spf),
        )

    def report(self) -> Aggregate:
        if not self._is_report or not self._policy.get("domain"):
            raise ReportError("it is no DMARC aggregate report")
        meta, policy = self._meta, self._policy
        try:
            begin_s, end_s = _number(meta.get("begin", "")), _number(meta.get("end", ""))
        except ValueError as error:
            raise ReportError("its date range cannot be read") from error
        known = {name: policy.get(name, "").lower() for name in Published.__struct_fields__}
        return Aggregate(
            meta.get("org_name", ""),
            meta.get("email", ""),
            meta.get("report_id", ""),
            begin_s,
            end_s,
            Published(**known),
            tuple(self._records),
            meta.get("extra_contact_info", ""),
            meta.get("generator", ""),
            tuple(self._errors[:PROBLEMS_MAX]),
            tuple(self._problems),
        )


def _number(text: str) -> int:
    text = text.partition(".")[0]
    if not (text.isascii() and text.isdigit()) or len(text) > _COUNT_DIGITS_MAX:
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)
