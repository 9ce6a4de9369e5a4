"""Runs evaluators over a resolver, for one message: all that is asked at a time together, and nothing twice.

Laws. An evaluator hears the same answer to the same question, whoever asked first. After the deadline, or the limit of
questions, what is not known yet is TEMPFAIL; what the resolver has at hand still counts. What a resolver knows already
costs no switch to another task. No question outlives the message.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self, TypeAlias, TypeVar, cast

from cluster.dns.resolver import Answer, Resolver
from mail.trust.questions import Answer as AnyAnswer
from mail.trust.questions import Asking, Question

T = TypeVar("T")

# SPF of both identities at their worst are 2 x 111, iprev 11, DMARC 168 with twenty aligned signatures of deep domains;
# DKIM and ARC one for each signature that is looked at.
QUESTIONS_MAX: Final = 500
DEADLINE_S: Final = 20.0  # RFC 7208 4.6.4

_LATE: Final = Answer("tempfail", why="no answer within the message's time")
_TOO_MANY: Final = Answer("tempfail", why=f"more than {QUESTIONS_MAX} questions for one message")


Known: TypeAlias = Callable[[str, str], Answer | None]
"""What a resolver may have besides, as `known`: the answer it has at hand, without asking anybody; None: none."""


class Asker:
    """The questions of one message. Use it as a context: at its end nothing is asked any more."""

    def __init__(self, resolver: Resolver, deadline_s: float = DEADLINE_S, questions_max: int = QUESTIONS_MAX) -> None:
        self._resolver = resolver
        self._known: Known = getattr(resolver, "known", _nothing_known)
        self._ends = asyncio.get_running_loop().time() + deadline_s
        self._questions_max = questions_max
        self._pending: dict[Question, asyncio.Task[None]] = {}
        self.answers: dict[Question, Answer] = {}  # all of them, in the order they came

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if tasks := list(self._pending.values()):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, asking: Asking[T]) -> T:
        """One evaluator to its end."""
        (result,) = await self.run_all((asking,))
        return cast("T", result)

    async def run_all(self, askings: Sequence[Asking[Any]]) -> list[Any]:
        """Several at the same time; their results in the same order. What one raises leaves at once."""
        running = [_Running(asking) for asking in askings]
        try:
            waiting = [one for one in running if self._goes_on(one, start=True)]
            while waiting:
                await self._until_something_came(waiting)
                waiting = [one for one in waiting if self._goes_on(one)]
        finally:
            for one in running:
                one.asking.close()
        return [one.result for one in running]

    async def run_apart(self, askings: Sequence[Asking[Any]]) -> list[Any]:
        """One after the other in a thread, for what computes longer than the loop should wait; only the questions are
        asked in the loop."""
        results = []
        for asking in askings:
            one = _Running(asking)
            answers: tuple[AnyAnswer, ...] | None = None
            while await asyncio.to_thread(one.step, answers):
                self._ask(one.questions)
                while (answers := self._at_hand(one.questions)) is None:
                    await self._until_something_came([one])
            results.append(one.result)
        return results

    def _goes_on(self, one: "_Running", *, start: bool = False) -> bool:
        """As far as answers are at hand; whether it waits for more."""
        answers = None if start else self._at_hand(one.questions)
        while start or answers is not None:
            start = False
            if not one.step(answers):
                return False
            self._ask(one.questions)
            answers = self._at_hand(one.questions)
        return True

    def _at_hand(self, questions: Iterable[Question]) -> tuple[AnyAnswer, ...] | None:
        answers = []
        for question in questions:
            answer = self.answers.get(question)
            if answer is None:
                return None
            answers.append(answer)
        return tuple(answers)

    def _ask(self, questions: Iterable[Question]) -> None:
        """Those that are not asked or answered yet."""
        for question in questions:
            if question in self.answers or question in self._pending:
                continue
            if len(self.answers) + len(self._pending) >= self._questions_max:
                self.answers[question] = _TOO_MANY
            elif (answer := self._known(question.name, question.kind)) is not None:
                self.answers[question] = answer
            elif asyncio.get_running_loop().time() >= self._ends:
                self.answers[question] = _LATE
            else:
                self._pending[question] = asyncio.create_task(self._fetch(question))

    async def _fetch(self, question: Question) -> None:
        try:
            answer = await self._resolver.ask(question.name, question.kind)
            self.answers.setdefault(question, answer)  # unless it is late
        finally:
            del self._pending[question]

    async def _until_something_came(self, waiting: "list[_Running]") -> None:
        """An answer to any of them, or the deadline."""
        open_questions = [question for one in waiting for question in one.questions if question not in self.answers]
        left_s = self._ends - asyncio.get_running_loop().time()
        tasks = {self._pending[question] for question in open_questions}
        done, _ = await asyncio.wait(tasks, timeout=max(left_s, 0), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a resolver raises nothing; if it does, it is not hidden
        if not done:
            self.answers |= {question: _LATE for question in open_questions if question not in self.answers}


class _Running:
    """An evaluator, and what it waits for."""

    def __init__(self, asking: Asking[Any]) -> None:
        self.asking = asking
        self.questions: tuple[Question, ...] = ()
        self.result: Any = None

    def step(self, answers: tuple[AnyAnswer, ...] | None) -> bool:
        """To its next questions, without answers from its begin; False: it has ended."""
        try:
            self.questions = next(self.asking) if answers is None else self.asking.send(answers)
        except StopIteration as end:
            self.result = end.value
            return False
        return True


def _nothing_known(_name: str, _kind: str) -> Answer | None:
    return None
