"""A DNS in a dictionary, and running an evaluator over it."""

from typing import Any, NamedTuple, TypeVar

from mail.trust.questions import Asking, Question

T = TypeVar("T")
QUESTIONS_MAX = 1000  # an evaluator that asks more does not end by itself


class Answer(NamedTuple):
    status: str = "ok"
    records: tuple[Any, ...] = ()
    secure: bool = False
    name: str = ""


TEMPFAIL = Answer("tempfail")
NXDOMAIN = Answer("nxdomain")


class Zone:
    """Names in lower case, each with its records by kind; `broken` names, or (name, kind), fail for now."""

    def __init__(self, records: dict[str, dict[str, list[Any]]], broken: set[Any] = frozenset()) -> None:  # type: ignore[assignment]
        self.records = {name.lower().rstrip("."): kinds for name, kinds in records.items()}
        self.broken = {one.lower() if isinstance(one, str) else (one[0].lower(), one[1]) for one in broken}
        self.asked: list[Question] = []
        self.rounds = 0

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        name, kind = question
        assert name == name.lower()
        assert not name.endswith(".")
        for _ in range(10):
            if name in self.broken or (name, kind) in self.broken:
                return TEMPFAIL
            kinds = self.records.get(name)
            if kinds is None:
                below = any(other.endswith(f".{name}") for other in self.records)
                return Answer(name=name) if below else NXDOMAIN
            if "CNAME" not in kinds or kind == "CNAME":
                return Answer("ok", tuple(kinds.get(kind, ())), name=name)
            name = kinds["CNAME"][0].lower().rstrip(".")
        return TEMPFAIL

    def run(self, asking: Asking[T]) -> T:
        answers: tuple[Answer, ...] | None = None
        while True:
            try:
                questions = asking.send(answers) if answers is not None else next(asking)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            assert questions
            assert len(self.asked) < QUESTIONS_MAX
            self.rounds += 1
            answers = tuple(self.answer(question) for question in questions)
