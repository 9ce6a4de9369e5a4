"""Whether the client's address has a name that leads back to it: iprev (RFC 8601 3, 2.7.3)."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from mail.trust.names import address_of, can_be_asked, reverse_name
from mail.trust.questions import Answer, Asking, Question

Result: TypeAlias = Literal["pass", "fail", "temperror", "permerror"]

NAMES_MAX: Final = 10  # names of one address that are looked at; the RFC's example, and SPF's limit


@dataclass(frozen=True, slots=True)
class IprevResult:
    """`name`: the first that leads back (pass), else the first there is; `names`: all that lead back."""

    result: Result
    ip: str
    name: str = ""
    names: tuple[str, ...] = ()
    why: str = ""
    seen: tuple[tuple[Question, Answer], ...] = ()


def check(ip: str, names_max: int = NAMES_MAX) -> Asking[IprevResult]:
    """PTR, then A or AAAA of each name, all of these at the same time."""
    address = address_of(ip)
    if address is None:
        return IprevResult("permerror", ip, why="no address")
    question = Question(reverse_name(address), "PTR")
    (answer,) = yield (question,)
    seen: list[tuple[Question, Answer]] = [(question, answer)]
    if answer.status == "tempfail":
        return IprevResult("temperror", ip, why="the DNS gave no answer for the address", seen=tuple(seen))
    names = [name for name in list(dict.fromkeys(answer.records))[:names_max] if can_be_asked(name)]
    if not names:
        return IprevResult("permerror", ip, why="the address has no name", seen=tuple(seen))
    questions = tuple([Question(name.lower(), "A" if address.version == 4 else "AAAA") for name in names])
    answers = yield questions
    seen += zip(questions, answers, strict=True)
    good = tuple(
        [
            question.name
            for question, found in zip(questions, answers, strict=True)
            if any(address_of(text) == address for text in found.records)
        ]
    )
    if good:
        return IprevResult("pass", ip, good[0], good, seen=tuple(seen))
    if any(found.status == "tempfail" for found in answers):
        return IprevResult("temperror", ip, names[0], why="the DNS gave no answer for a name", seen=tuple(seen))
    return IprevResult("fail", ip, names[0], why="no name leads back to the address", seen=tuple(seen))
