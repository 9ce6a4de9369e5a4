"""The Sender Policy Framework (RFC 7208): may this host send mail as this domain?

The law: whatever the DNS answers ends in one of the seven results, after a bounded number of questions. An answer that
could not be had is a temperror, never a pass or a fail. Only what the domain checked has published explains a fail.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from mail.trust import spf_record
from mail.trust.names import Address, a_label, address_of, can_be_asked, domain_of, is_within, reverse_name
from mail.trust.questions import Answer, Asking, Question
from mail.trust.spf_macro import MacroError, Pieces, expand, letters, parse_explanation
from mail.trust.spf_record import Record, Term

Result: TypeAlias = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
Identity: TypeAlias = Literal["mailfrom", "helo"]
Seen: TypeAlias = tuple[Question, Answer]

EXPLANATION_CHARS_MAX: Final = 400  # of what is said in a reply of at most 512 bytes (RFC 5321 4.5.3.1.5)


class Limits(NamedTuple):
    """Bounds of one evaluation (4.6.4), those of the RFC."""

    terms: int = 10  # that ask the DNS: include, a, mx, ptr, exists, redirect, and the first %{p}
    voids: int = 2  # terms that found nothing, however many questions each has asked: an mx is one
    mx_names: int = 10  # of one mx; more are a permerror
    ptr_names: int = 10  # of one address; more are not looked at


DEFAULT: Final = Limits()


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`mechanism`: the directive that matched, as it was published ("default": none did). `why`: of an error, or of
    none. `explanation`: what exp= says on a fail, ASCII; shown to people only with the domain it comes from.
    `by_local_part`: the policy looked at the local part, so that a pass speaks for it, too (RFC 8601 2.7.2)."""

    result: Result
    domain: str
    identity: Identity = "mailfrom"
    mechanism: str = ""
    explanation: str = ""
    why: str = ""
    record: str = ""
    by_local_part: bool = False
    seen: tuple[Seen, ...] = ()


def check_mail_from(
    ip: str, sender: str, helo: str, *, receiver: str = "unknown", now_s: int = 0, limits: Limits = DEFAULT
) -> Asking[SpfResult]:
    """The MAIL FROM identity (2.4); of the null reverse-path postmaster at the name given in EHLO."""
    return check_host(
        ip, domain_of(sender) if sender else helo, sender, helo, receiver=receiver, now_s=now_s, limits=limits
    )


def check_helo(
    ip: str, helo: str, *, receiver: str = "unknown", now_s: int = 0, limits: Limits = DEFAULT
) -> Asking[SpfResult]:
    """The HELO identity (2.3). What is no domain of several labels is none."""
    return check_host(ip, helo, "", helo, receiver=receiver, now_s=now_s, limits=limits, identity="helo")


def check_host(
    ip: str,
    domain: str,
    sender: str,
    helo: str,
    *,
    receiver: str = "unknown",
    now_s: int = 0,
    limits: Limits = DEFAULT,
    identity: Identity = "mailfrom",
) -> Asking[SpfResult]:
    """check_host() (4). Domains may be U-labels (RFC 8616 4); an empty `sender` is postmaster at the domain."""
    address = address_of(ip)
    name = a_label(domain)
    if address is None or name is None:
        why = "no address" if address is None else "no domain of several labels"
        return SpfResult("none", domain, identity, why=why)  # 4.3
    local, _, of = sender.rpartition("@")
    who = _Who(address, local or "postmaster", (a_label(of) or of) if of else name, helo, receiver, now_s)
    return (yield from _Check(who, limits).run(name, identity))


class _Who(NamedTuple):
    """What does not change during an evaluation."""

    ip: Address
    local: str
    domain: str
    helo: str
    receiver: str
    now_s: int


class _Error(Exception):
    """The evaluation ends."""

    def __init__(self, result: Literal["temperror", "permerror"], why: str) -> None:
        super().__init__(why)
        self.result: Literal["temperror", "permerror"] = result
        self.why = why


class _Verdict(NamedTuple):
    """What one record says. `domain` and `explanation` are of the record that decided."""

    result: Result
    mechanism: str = ""
    why: str = ""
    domain: str = ""
    explanation: Pieces | None = None


class _Check:
    """One evaluation: what it has counted, and all it has seen."""

    def __init__(self, who: _Who, limits: Limits) -> None:
        self._who = who
        self._limits = limits
        self._is_ip4 = who.ip.version == 4
        self._number = int(who.ip)
        self._terms = 0
        self._voids = 0
        self._validated: list[str] | None = None
        self._by_local_part = False
        self._record = ""
        self.seen: list[Seen] = []

    def run(self, domain: str, identity: Identity) -> Asking[SpfResult]:
        """From the first record to the explanation."""
        explanation = ""
        try:
            verdict = yield from self._judge(domain)
            if verdict.result == "fail" and verdict.explanation is not None:
                explanation = yield from self._explain(verdict.explanation, verdict.domain)
        except _Error as error:
            verdict = _Verdict(error.result, why=error.why)
        return SpfResult(
            verdict.result,
            domain,
            identity,
            verdict.mechanism,
            explanation,
            verdict.why,
            self._record,
            self._by_local_part,
            tuple(self.seen),
        )

    # -- one record ------------------------------------------------------------------------------------------------

    def _judge(self, domain: str) -> Asking[_Verdict]:
        """check_host() without the explanation. Raises _Error."""
        answer = yield from self._ask(domain, "TXT")
        if answer.status == "tempfail":
            raise _Error("temperror", f"TXT of {domain} could not be had")
        found = spf_record.select(answer.records)
        if not found:
            return _Verdict("none", why=f"{domain} has no SPF record")
        if len(found) > 1:
            raise _Error("permerror", f"{domain} has {len(found)} SPF records")
        record = spf_record.read(found[0])
        self._record = self._record or record.text
        if record.problem:
            raise _Error("permerror", f"{domain}: {record.problem}")
        return (yield from self._evaluate(record, domain))

    def _evaluate(self, record: Record, domain: str) -> Asking[_Verdict]:
        for term in record.terms:
            kind = term.kind
            if kind == "all":
                matches = True
            elif kind == "ip4":  # decided here, for most terms are such
                matches = self._is_ip4 and self._number >> term.shift == term.network
            elif kind == "ip6":
                matches = not self._is_ip4 and self._number >> term.shift == term.network
            else:
                matches = yield from self._matches(term, domain)
            if matches:
                return _Verdict(term.outcome, term.text, domain=domain, explanation=record.explanation)
        if record.redirect is not None:  # not reached where there is an "all" (5.1)
            return (yield from self._redirect(record.redirect, domain))
        return _Verdict("neutral", "default", domain=domain)  # 4.7

    def _redirect(self, target: Pieces, domain: str) -> Asking[_Verdict]:
        """6.1: its result is ours, but that none is a permerror."""
        self._count_term()
        name = yield from self._target(target, domain)
        if name is None or not can_be_asked(name):
            raise _Error("permerror", "redirect= leads to what is no domain")
        verdict = yield from self._judge(name)
        if verdict.result == "none":
            raise _Error("permerror", f"redirect={name} has no SPF record")
        return verdict

    # -- mechanisms that ask ---------------------------------------------------------------------------------------

    def _matches(self, term: Term, domain: str) -> Asking[bool]:
        self._count_term()
        name = domain if term.domain is None else (yield from self._target(term.domain, domain))
        if name is None:
            return False  # RFC 8616 4: a local part that is not ASCII matches nothing
        if term.kind == "ptr":
            return (yield from self._ptr(name))
        if not can_be_asked(name):
            if term.kind == "include":
                raise _Error("permerror", f"{term.text} leads to what is no domain")
            return False  # 4.8 leaves it open; nothing can be found there
        if term.kind == "include":
            return (yield from self._include(term, name))
        if term.kind == "mx":
            return (yield from self._mx(term, name))
        exists = term.kind == "exists"
        answer = yield from self._ask(name, "A" if exists or self._is_ip4 else "AAAA")
        self._refuse_tempfail(answer, term)
        self._count_void(not answer.records)
        return bool(answer.records) if exists else self._is_among(answer.records, term)

    def _include(self, term: Term, name: str) -> Asking[bool]:
        """5.2: only a pass matches, and there must be a record."""
        verdict = yield from self._judge(name)
        if verdict.result == "none":
            raise _Error("permerror", f"{term.text} has no SPF record")
        return verdict.result == "pass"

    def _mx(self, term: Term, name: str) -> Asking[bool]:
        """5.4: without records there is no implicit MX."""
        answer = yield from self._ask(name, "MX")
        self._refuse_tempfail(answer, term)
        hosts = [host for _, host in sorted(answer.records) if host]
        self._count_void(not answer.records)
        if len(hosts) > self._limits.mx_names:
            raise _Error("permerror", f"{term.text}: {len(hosts)} MX names")
        answers = yield from self._ask_all(hosts, "A" if self._is_ip4 else "AAAA")
        if any(self._is_among(found.records, term) for found in answers):
            return True
        for found in answers:
            self._refuse_tempfail(found, term)
        self._count_void(bool(hosts) and not any(found.records for found in answers))
        return False

    def _ptr(self, name: str) -> Asking[bool]:
        """5.5: a name of the host that leads back to it is within the domain."""
        target = name.lower().removesuffix(".")
        validated = yield from self._validated_names(is_term=True)
        return any(is_within(host, target) for host in validated)

    def _validated_names(self, *, is_term: bool) -> Asking[list[str]]:
        """The host's names that lead back to it; errors of the DNS only make them fewer (5.5)."""
        if self._validated is None:
            answer = yield from self._ask(reverse_name(self._who.ip), "PTR")
            if is_term:
                self._count_void(answer.status != "tempfail" and not answer.records)
            names = list(dict.fromkeys(answer.records))[: self._limits.ptr_names]
            names = [name for name in names if can_be_asked(name)]
            answers = yield from self._ask_all(names, "A" if self._is_ip4 else "AAAA")
            pairs = zip(names, answers, strict=True)
            self._validated = [name.lower() for name, answer in pairs if self._is_among(answer.records, _EXACTLY)]
        return self._validated

    def _is_among(self, addresses: tuple[str, ...], term: Term) -> bool:
        shift = term.shift if self._is_ip4 else term.shift6
        network = self._number >> shift
        for text in addresses:
            address = address_of(text)
            if address is not None and int(address) >> shift == network:
                return True
        return False

    # -- macros ----------------------------------------------------------------------------------------------------

    def _target(self, pieces: Pieces, domain: str) -> Asking[str | None]:
        """A domain-spec as a name for the DNS, or as it came out where it is none; None: see RFC 8616 4."""
        if len(pieces) == 1 and isinstance(pieces[0], str):
            text = pieces[0]
        else:
            used = letters(pieces)
            if used & {"s", "l"}:
                self._by_local_part = True
                if not self._who.local.isascii():
                    return None
            text = expand(pieces, (yield from self._values(used, domain, counted=True)))
        text = text.removesuffix(".")
        while len(text) > 253 and "." in text:  # 7.3: whole labels go on the left
            text = text[max(text.find(".", 0, len(text) - 253), text.find(".")) + 1 :]
        return text

    def _values(self, used: set[str], domain: str, *, counted: bool) -> Asking[dict[str, str]]:
        """What each letter stands for (7.2)."""
        who = self._who
        dotted = str(who.ip) if self._is_ip4 else ".".join(f"{self._number:032x}".upper())
        values = {
            "s": f"{who.local}@{who.domain}",
            "l": who.local,
            "o": who.domain,
            "d": domain,
            "i": dotted,
            "v": "in-addr" if self._is_ip4 else "ip6",
            "h": a_label(who.helo) or who.helo,
            "c": str(who.ip),
            "r": who.receiver,
            "t": str(who.now_s),
        }
        if "p" in used:
            if counted and self._validated is None:
                self._count_term()
            validated = yield from self._validated_names(is_term=counted)
            values["p"] = _best(validated, domain.lower())
        return values

    def _explain(self, target: Pieces, domain: str) -> Asking[str]:
        """6.2: any problem on the way means that there is no explanation."""
        self._limits = self._limits._replace(terms=10**6, voids=10**6)  # only terms count against the limits
        name = yield from self._target(target, domain)
        if name is None or not can_be_asked(name):
            return ""
        answer = yield from self._ask(name, "TXT")
        if answer.status != "ok" or len(answer.records) != 1:
            return ""
        try:
            pieces = parse_explanation(answer.records[0][: 16 * EXPLANATION_CHARS_MAX].decode("ascii"))
        except (MacroError, UnicodeDecodeError):
            return ""
        text = expand(pieces, (yield from self._values(letters(pieces), domain, counted=False)))
        return text[:EXPLANATION_CHARS_MAX] if text.isascii() and text.isprintable() else ""

    # -- asking and counting ---------------------------------------------------------------------------------------

    def _ask(self, name: str, kind: str) -> Asking[Answer]:
        question = Question(name.lower(), kind)
        (answer,) = yield (question,)
        self.seen.append((question, answer))
        return answer

    def _ask_all(self, names: list[str], kind: str) -> Asking[tuple[Answer, ...]]:
        if not names:
            return ()
        questions = tuple([Question(name, kind) for name in names])
        answers = yield questions
        self.seen += zip(questions, answers, strict=True)
        return answers

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > self._limits.terms:
            raise _Error("permerror", f"more than {self._limits.terms} terms that ask the DNS")

    def _count_void(self, is_void: bool) -> None:
        self._voids += is_void
        if self._voids > self._limits.voids:
            raise _Error("permerror", f"more than {self._limits.voids} terms that found nothing")

    def _refuse_tempfail(self, answer: Answer, term: Term) -> None:
        if answer.status == "tempfail":
            raise _Error("temperror", f"{term.text}: the DNS gave no answer")


_EXACTLY: Final = Term("", "a", "pass")


def _best(validated: list[str], domain: str) -> str:
    """%{p}: the domain itself, else a name below it, else any, else unknown (7.3)."""
    if domain in validated:
        return domain
    below = [name for name in validated if is_within(name, domain)]
    return (below or validated or ["unknown"])[0]
