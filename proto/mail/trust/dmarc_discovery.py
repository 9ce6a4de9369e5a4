"""Where DMARC's records are looked for, and where an organization ends: the DNS Tree Walk (RFC 9989 4.10), or a list of
public suffixes (RFC 7489 3.2).

The law: at most eight questions for a name, however many labels it has; an answer that could not be had is Unknown,
never "no record".
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from mail.trust.dmarc_record import Record, is_record, read
from mail.trust.names import can_be_asked
from mail.trust.questions import Answer, Asking, Question

RegisteredDomain: TypeAlias = Callable[[str], str | None]
"""The public suffix of a name and the label before it; None for what is a suffix itself, or no name."""

QUERIES_MAX: Final = 8  # RFC 9989 4.10


class Unknown(Exception):
    """The DNS gave no answer, so that nothing follows."""


class Found(NamedTuple):
    """The record that applies to a domain, and where it was."""

    domain: str
    record: Record


class _At(NamedTuple):
    """What is at one name. `several`: more than one record, so none."""

    record: Record | None = None
    several: bool = False
    failed: bool = False


class Discovery:
    """Finds records for one message; what was found is kept, so that no name is asked for twice.

    `registered_domain` None: by the tree walk; else by that list.
    """

    def __init__(self, registered_domain: RegisteredDomain | None = None) -> None:
        self._registered = registered_domain
        self._known: dict[str, _At] = {}
        self.seen: list[tuple[Question, Answer]] = []

    def policy(self, domain: str) -> Asking[Found | None]:
        """The record for mail whose author is at the domain (RFC 9989 4.10.1, RFC 7489 6.6.3). Raises Unknown."""
        yield from self._fetch([domain])
        at = self._known[domain]
        if at.failed:
            raise Unknown(f"_dmarc.{domain}")
        if at.record is not None:
            return Found(domain, at.record)
        if self._registered is not None:
            return None if at.several else (yield from self._policy_by_list(domain, self._registered))
        return (yield from self._policy_above(domain))

    def organizational(self, domain: str) -> Asking[str]:
        """The Organizational Domain (RFC 9989 4.10.2, RFC 7489 3.2). Raises Unknown."""
        if self._registered is not None:
            return self._registered(domain) or domain
        yield from self._fetch(walk(domain))
        return self._organizational(domain, walk(domain))

    def ask(self, *questions: Question) -> Asking[tuple[Answer, ...]]:
        """Questions besides, kept with the others."""
        answers = yield questions
        self.seen += zip(questions, answers, strict=True)
        return answers

    def _policy_by_list(self, domain: str, registered: RegisteredDomain) -> Asking[Found | None]:
        above = registered(domain)
        if above is None or above == domain:
            return None
        yield from self._fetch([above])
        at = self._known[above]
        if at.failed:
            raise Unknown(f"_dmarc.{above}")
        return None if at.record is None else Found(above, at.record)

    def _policy_above(self, domain: str) -> Asking[Found | None]:
        """That of the Organizational Domain, else of the public suffix that the walk ended at."""
        above = walk(domain)[1:]
        yield from self._fetch(above)
        organizational = self._organizational(domain, above)
        at = self._known.get(organizational, _At())
        if at.record is not None:
            return Found(organizational, at.record)
        for name, record in self._records(above):
            if record.psd == "y":
                return Found(name, record)
        return None

    def _organizational(self, start: str, names: list[str]) -> str:
        """From the records on the way up, longest name first."""
        last = start
        for name, record in self._records(names):
            if record.psd == "n":
                return name
            if record.psd == "y":  # one label below it; where the walk began there, itself
                return ".".join(start.split(".")[-name.count(".") - 2 :])
            last = name
        return last

    def _records(self, names: list[str]) -> Iterator[tuple[str, Record]]:
        """Those found, as far as the caller goes. Raises Unknown at what could not be had."""
        for name in names:
            at = self._known[name]
            if at.failed:
                raise Unknown(f"_dmarc.{name}")
            if at.record is not None:
                yield name, at.record

    def _fetch(self, names: list[str]) -> Asking[None]:
        """All at the same time: the names above are asked by everybody's mail, and so are in a cache."""
        wanted = [name for name in names if name not in self._known]
        askable = [name for name in wanted if can_be_asked(f"_dmarc.{name}")]
        self._known.update(dict.fromkeys(wanted, _At()))
        if askable:
            answers = yield from self.ask(*[Question(f"_dmarc.{name}", "TXT") for name in askable])
            self._known.update(zip(askable, map(_at, answers), strict=True))


def walk(domain: str) -> list[str]:
    """The names whose records are asked for, from the domain up to its last label; at most eight (RFC 9989 4.10)."""
    labels = domain.split(".")
    first = max(1, len(labels) - QUERIES_MAX + 1)  # where there are eight or more, seven remain
    return [domain, *[".".join(labels[start:]) for start in range(first, len(labels))]]


def records_in(answer: Answer) -> list[bytes]:
    """The DMARC records among TXT records."""
    return [text for text in answer.records if is_record(text)]


def _at(answer: Answer) -> _At:
    if answer.status == "tempfail":
        return _At(failed=True)
    texts = records_in(answer)
    return _At(read(texts[0]) if len(texts) == 1 else None, len(texts) > 1)
