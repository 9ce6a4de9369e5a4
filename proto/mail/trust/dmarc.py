"""DMARC (RFC 9989; RFC 7489 where it is chosen): was the domain that people see in From allowed to be used?

The law: only what has passed and is aligned makes a pass. Where an answer that could have made one is missing, the
result is a temperror and no policy applies. What is asked for is told; what is done is the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from mail.trust.dmarc_discovery import Discovery, Found, RegisteredDomain, Unknown
from mail.trust.dmarc_record import Mode, Policy, Record
from mail.trust.names import a_label, is_within
from mail.trust.questions import Answer, Asking, Question

Result: TypeAlias = Literal["none", "pass", "fail", "temperror", "permerror"]

AUTHORS_MAX: Final = 5  # domains of one From; each costs the questions of one message. More are a permerror.
IDENTIFIERS_MAX: Final = 20  # DKIM domains that are looked at, those with a pass first
_SEVERITY: Final[dict[Policy, int]] = {"none": 0, "quarantine": 1, "reject": 2}
_ONE_LESS: Final[dict[Policy, Policy]] = {"reject": "quarantine", "quarantine": "none", "none": "none"}


class SpfIdentifier(NamedTuple):
    """The MAIL FROM domain and SPF's result for it (RFC 9989 4.4.2)."""

    domain: str
    result: str


class DkimIdentifier(NamedTuple):
    """d= of a signature, and how its verification ended (RFC 9989 4.4.1)."""

    domain: str
    result: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """`policy`: what the domain has published for such mail, from `tag` of the record at `policy_domain`;
    `disposition`: what it asks for this message, after t=, pct= and the result. `aligned`: the identifiers that made
    the pass (`spf:` or `dkim:` and the domain). `relaxed_by` says why the disposition is less than the policy:
    testing (t=y), sampled (pct=)."""

    result: Result
    domain: str = ""
    disposition: Policy = "none"
    policy: Policy = "none"
    tag: str = ""
    policy_domain: str = ""
    record: Record | None = None
    spf_aligned: bool = False
    dkim_aligned: bool = False
    aligned: tuple[str, ...] = ()
    relaxed_by: Literal["", "testing", "sampled"] = ""
    why: str = ""
    seen: tuple[tuple[Question, Answer], ...] = ()


def evaluate(
    author_domains: Sequence[str],
    spf: SpfIdentifier | None,
    dkim: Sequence[DkimIdentifier],
    *,
    registered_domain: RegisteredDomain | None = None,
    sample: int | None = None,
) -> Asking[DmarcResult]:
    """What becomes of a message with these domains in From.

    None, or what is no domain, is a permerror: it cannot be judged, and should be refused as malformed. Of several
    the one counts that fails under the strictest policy (RFC 7489 6.6.1, allowed by RFC 9989 5.3.1); else the first
    that could not be judged for now, else the first that does not pass.

    `registered_domain`: a public suffix list, for RFC 7489's way of finding records; without it the tree is walked.
    `sample`: a random number of 0 to 99 for pct= (RFC 7489 6.6.4); None: pct= is not looked at (RFC 9989 has none).
    """
    domains = list(dict.fromkeys([a_label(domain) or "" for domain in author_domains]))
    if not domains or "" in domains or len(domains) > AUTHORS_MAX:
        count = "no" if not domains else "an unreadable" if "" in domains else f"{len(domains)}"
        return DmarcResult("permerror", why=f"{count} author domain{'s' if len(domains) > 1 else ''} in From")
    discovery = Discovery(registered_domain)
    results = []
    for domain in domains:
        one = _Message(domain, spf, dkim, discovery, sample)
        results.append((yield from one.judge()))
    return replace(_strictest(results), seen=tuple(discovery.seen))


def _strictest(results: list[DmarcResult]) -> DmarcResult:
    failed = [one for one in results if one.result == "fail"]
    if failed:
        return max(failed, key=lambda one: (_SEVERITY[one.disposition], _SEVERITY[one.policy]))
    unknown = [one for one in results if one.result == "temperror"]
    weaker = [one for one in results if one.result != "pass"]
    return (unknown or weaker or results)[0]


class _Identifier(NamedTuple):
    kind: Literal["spf", "dkim"]
    domain: str
    passes: bool  # else it ended with a temporary error
    mode: Mode


class _Message:
    """One author domain of one message."""

    def __init__(
        self,
        author: str,
        spf: SpfIdentifier | None,
        dkim: Sequence[DkimIdentifier],
        discovery: Discovery,
        sample: int | None,
    ) -> None:
        self._author = author
        self._spf = spf
        self._dkim = dkim
        self._discovery = discovery
        self._sample = sample

    def judge(self) -> Asking[DmarcResult]:
        """The record, then the identifiers, then the policy."""
        try:
            found = yield from self._discovery.policy(self._author)
        except Unknown as error:
            return DmarcResult("temperror", self._author, why=f"the DNS gave no answer for {error}")
        if found is None:
            return DmarcResult("none", self._author, why="no record")
        if not found.record.applies:
            why = "no valid p= in the record, and no reports asked for"
            return DmarcResult("none", self._author, policy_domain=found.domain, record=found.record, why=why)
        return (yield from self._judge_by(found))

    def _judge_by(self, found: Found) -> Asking[DmarcResult]:
        aligned: list[_Identifier] = []
        missing = ""
        for one in self._identifiers(found.record):
            try:
                if not (yield from self._is_aligned(one)):
                    continue
            except Unknown as error:
                missing = missing or f"the DNS gave no answer for {error}"
                continue
            if one.passes:
                aligned.append(one)
            else:
                missing = missing or f"{one.kind} of {one.domain} ended with a temporary error"
        policy, tag, unknown = yield from self._policy(found)
        result: Result = "pass" if aligned else "temperror" if missing or unknown else "fail"
        relaxed, disposition = self._relaxed(found.record, policy) if result == "fail" else ("", policy)
        return DmarcResult(
            result,
            self._author,
            disposition if result == "fail" else "none",
            policy,
            tag,
            found.domain,
            found.record,
            any(one.kind == "spf" for one in aligned),
            any(one.kind == "dkim" for one in aligned),
            tuple([f"{one.kind}:{one.domain}" for one in aligned]),
            relaxed,
            "" if aligned else missing or unknown or "nothing that passed is aligned",
        )

    def _identifiers(self, record: Record) -> list[_Identifier]:
        """What has passed, or could have; a domain once each way."""
        found: dict[_Identifier, None] = {}
        if self._spf is not None and self._spf.result in ("pass", "temperror"):
            domain = a_label(self._spf.domain)
            if domain:
                found[_Identifier("spf", domain, self._spf.result == "pass", record.aspf)] = None
        for wanted in ("pass", "temperror"):
            for one in self._dkim:
                if one.result == wanted and len(found) <= IDENTIFIERS_MAX and (domain := a_label(one.domain)):
                    found[_Identifier("dkim", domain, wanted == "pass", record.adkim)] = None
        return list(found)

    def _is_aligned(self, one: _Identifier) -> Asking[bool]:
        """RFC 9989 4.10.2. Raises Unknown. Asks only where the names alone do not decide."""
        if one.domain == self._author:
            return True
        if one.mode == "s" or one.domain.rpartition(".")[2] != self._author.rpartition(".")[2]:
            return False
        ours = yield from self._discovery.organizational(self._author)
        if not is_within(one.domain, ours):
            return False
        return (yield from self._discovery.organizational(one.domain)) == ours

    def _policy(self, found: Found) -> Asking[tuple[Policy, str, str]]:
        """The policy, its tag, and what of it could not be found out."""
        record = found.record
        if found.domain == self._author:
            return (*record.policy_for("p"), "")
        if record.np is None or record.np == record.policy_for("sp")[0] or not record.is_whole:
            return (*record.policy_for("sp"), "")
        (answer,) = yield from self._discovery.ask(Question(self._author, "A"))
        if answer.status == "tempfail":
            return (*record.policy_for("sp"), f"the DNS gave no answer for {self._author}")
        # RFC 9989 3.2.13: NXDOMAIN, of whatever kind; a name without addresses exists.
        return (*record.policy_for("np" if answer.status == "nxdomain" else "sp"), "")

    def _relaxed(self, record: Record, policy: Policy) -> tuple[Literal["", "testing", "sampled"], Policy]:
        """t=y is one level less (RFC 9989 4.7), and so is what pct= does not select (RFC 7489 6.6.4)."""
        if policy == "none":
            return "", policy
        if record.testing:
            return "testing", _ONE_LESS[policy]
        if self._sample is not None and self._sample >= record.pct:
            return "sampled", _ONE_LESS[policy]
        return "", policy
