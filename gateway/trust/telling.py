"""What was found out about a message, in the words of Authentication-Results (RFC 8601) and as facts for its trace.

The law: of a sender's local part nothing is told that was not checked (RFC 8601 2.7.2). Evidence is bounded.
"""

from collections.abc import Mapping
from typing import Any, Final

from actors.trace.types import Fact
from gateway.trust.verdict import Arc, Dkim, Envelope, Told
from mail.trust.author import Author
from mail.trust.authres import Property, Result
from mail.trust.dmarc import DmarcResult
from mail.trust.iprev import IprevResult
from mail.trust.names import a_label
from mail.trust.questions import Answer, Question
from mail.trust.spf import SpfResult

ANSWERS_MAX: Final = 30  # of one check that are kept; an ordinary SPF check has 5
RECORDS_MAX: Final = 20  # of one answer
RECORD_CHARS_MAX: Final = 500  # of one record; an SPF record has 300
SIGNATURES_MAX: Final = 20  # that are told
B_CHARS: Final = 8  # RFC 6008 4: enough to tell signatures apart


def results(told: Told) -> tuple[Result, ...]:
    """One result for each check that was made, and for each signature."""
    envelope = told.envelope
    found = [_of_iprev(envelope.iprev)] if envelope.iprev is not None else []
    found += [_of_spf(one, envelope) for one in (envelope.spf_helo, envelope.spf) if one is not None]
    if told.dkim is not None:
        found += [_of_dkim(one) for one in told.dkim[:SIGNATURES_MAX]] or [Result("dkim", "none")]
    if told.arc is not None:
        found.append(_of_arc(told.arc, envelope.ip))
    if told.dmarc is not None:
        found.append(_of_dmarc(told.dmarc, told.author))
    return tuple(found)


def _of_iprev(one: IprevResult) -> Result:
    return Result("iprev", one.result, (Property("policy", "iprev", one.ip),), comment=one.name)


def _of_spf(one: SpfResult, envelope: Envelope) -> Result:
    value = one.domain
    if one.identity == "mailfrom" and envelope.sender and one.by_local_part and one.result == "pass":
        value = envelope.sender
    properties = (Property("smtp", one.identity, value),) if value else ()
    return Result("spf", one.result, properties, reason=one.why if one.result.endswith("error") else "")


def _of_dkim(one: Dkim) -> Result:
    told = (("d", one.domain), ("s", one.selector), ("a", one.algorithm), ("b", one.b[:B_CHARS]))
    properties = tuple([Property("header", name, value) for name, value in told if value])
    return Result("dkim", one.result, properties, reason="" if one.result == "pass" else one.why)


def _of_arc(one: Arc, ip: str) -> Result:
    properties = [Property("smtp", "remote-ip", ip)] if one.result != "none" else []
    if one.result == "pass":
        properties.append(Property("header", "oldest-pass", str(one.oldest_pass)))  # RFC 8617 10.2
    return Result("arc", one.result, tuple(properties), reason=one.why if one.result == "fail" else "")


def _of_dmarc(one: DmarcResult, author: Author) -> Result:
    domain = one.domain or ",".join(author.domains)
    properties = [Property("header", "from", domain)] if domain else []
    if one.record is not None and one.result in ("pass", "fail"):
        properties.append(Property("policy", "dmarc", one.disposition))  # RFC 9989 9.1
    comment = f"p={one.policy}" if one.tag else ""
    reason = one.why if one.result.endswith("error") else ""
    return Result("dmarc", one.result, tuple(properties), reason=reason, comment=comment)


# -- facts -----------------------------------------------------------------------------------------------------------


def facts(told: Told, answers: Mapping[Question, Answer], at_ms: int) -> tuple[Fact, ...]:
    """One for each check that was made, with what it was about, what was asked and what was answered."""
    envelope = told.envelope
    found = [_iprev_fact(envelope.iprev, at_ms)] if envelope.iprev is not None else []
    found += [_spf_fact(one, envelope, at_ms) for one in (envelope.spf_helo, envelope.spf) if one is not None]
    if told.dkim is not None:
        some = [_dkim_fact(one, answers, at_ms) for one in told.dkim[:SIGNATURES_MAX]]
        found += some or [_fact("dkim", "none", at_ms)]
    if told.arc is not None:
        found.append(_fact("arc", told.arc.result, at_ms, why=told.arc.why))
    if told.dmarc is not None:
        found.append(_dmarc_fact(told.dmarc, told.author, at_ms))
    return tuple(found)


def _iprev_fact(one: IprevResult, at_ms: int) -> Fact:
    return _fact("iprev", one.result, at_ms, ip=one.ip, name=one.name, why=one.why, dns=_dns(one.seen))


def _dkim_fact(one: Dkim, answers: Mapping[Question, Answer], at_ms: int) -> Fact:
    """With the key record, which is at one name (RFC 6376 3.6.2.1)."""
    question = Question(f"{one.selector}._domainkey.{a_label(one.domain)}".lower(), "TXT")
    answer = answers.get(question)
    return _fact(
        "dkim",
        one.result,
        at_ms,
        domain=_cut(one.domain),
        selector=_cut(one.selector),
        algorithm=_cut(one.algorithm),
        b=one.b[:B_CHARS],
        why=_cut(one.why),
        dns=_dns(((question, answer),)) if answer is not None else (),
    )


def _spf_fact(one: SpfResult, envelope: Envelope, at_ms: int) -> Fact:
    return _fact(
        "spf",
        one.result,
        at_ms,
        identity=one.identity,
        domain=_cut(one.domain),
        ip=envelope.ip,
        mechanism=one.mechanism,
        explanation=one.explanation,
        record=_cut(one.record),
        why=one.why,
        dns=_dns(one.seen),
    )


def _dmarc_fact(one: DmarcResult, author: Author, at_ms: int) -> Fact:
    return _fact(
        "dmarc",
        one.result,
        at_ms,
        domain=one.domain,
        authors=[_cut(domain) for domain in author.domains[:5]] if len(author.domains) != 1 else [],
        disposition=one.disposition if one.record is not None else "",
        policy=one.policy if one.record is not None else "",
        tag=one.tag,
        policy_domain=one.policy_domain,
        record=_cut(one.record.text) if one.record is not None else "",
        aligned=list(one.aligned),
        relaxed_by=one.relaxed_by,
        why=one.why,
        dns=_dns(one.seen),
    )


def _fact(what: str, how: str, at_ms: int, **of: Any) -> Fact:
    """Without what is empty."""
    return Fact(what, str(how), at_ms, {name: value for name, value in of.items() if value})


def _dns(seen: Any) -> list[dict[str, Any]]:
    """Questions and answers as JSON values."""
    told = []
    for question, answer in seen[:ANSWERS_MAX]:
        one: dict[str, Any] = {"name": question.name, "kind": question.kind, "status": str(answer.status)}
        if answer.records:
            one["records"] = [_record(record) for record in answer.records[:RECORDS_MAX]]
        if why := getattr(answer, "why", ""):
            one["why"] = _cut(why)
        told.append(one)
    return told


def _record(record: Any) -> str:
    if isinstance(record, bytes):
        return _cut(record[: 4 * RECORD_CHARS_MAX].decode("utf-8", "backslashreplace"))
    if isinstance(record, tuple):
        return _cut(" ".join([part.hex() if isinstance(part, bytes) else str(part) for part in record]))
    return _cut(str(record))


def _cut(text: str) -> str:
    """A lone surrogate cannot be written as JSON."""
    if text.isascii():
        return text[:RECORD_CHARS_MAX]
    return text[:RECORD_CHARS_MAX].encode("utf-8", "replace").decode()
