"""SearchSnippet/get (RFC 8621 5.1): what of emails a search found, with the words marked.

The law: only words that are asked for are marked, never those of a NOT; what may not be seen is not found. A message is
read only for words that may be in its text, and large ones few at a time.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from actors.mailbox.client import Message
from cluster.errors import Corrupt, NotFound
from gateway.access.parts import Pace
from gateway.jmap.email_filters import check
from gateway.jmap.searching import EmailHost
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Turn
from mail.jmap.conditions import EmailCondition
from mail.jmap.email.snippet import WORDS_MAX, body_snippet, subject_snippet
from mail.jmap.filters import Filter, Operator, read_filter
from mail.jmap.methods import special
from mail.jmap.words import Terms

_BATCH: Final = 50  # messages read at a time
_APART_ABOVE_BYTES: Final = 128 * 1024  # of one message: reading its text takes milliseconds


async def get(turn: Turn, asked: special.SearchSnippetGet) -> Answer:
    """RFC 8621 5.1."""
    reached = await turn.reach(asked.account_id)
    tree = read_filter("Email", asked.filter, turn.limits)
    check(tree)
    subject, body = _words(tree, ("text", "subject")), _words(tree, ("text", "body"))
    names = {name: reached.email_of(name) for name in turn.meant(asked.email_ids)}
    seen = (await turn.sight(reached)).find([number for number in names.values() if number is not None])
    wanted = {name: number for name, number in names.items() if number is not None and number in seen}
    shower = _Shower(EmailHost(turn.services, reached), subject, body)
    shown: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), _BATCH):
        part = list(wanted.items())[start : start + _BATCH]
        messages = await turn.services.mail.messages(reached.number, [number for _name, number in part])
        for (name, _number), message in zip(part, messages, strict=True):
            if message is not None:
                shown[name] = {"emailId": name, **await shower.show(message)}
    missing = [name for name in names if name not in shown]
    return {"accountId": asked.account_id, "list": list(shown.values()), "notFound": missing or None}


class _Shower:
    """Makes the snippets of one call."""

    def __init__(self, host: EmailHost, subject: list[str], body: list[str]) -> None:
        self._host = host
        self._subject = subject
        self._body = body
        self._pace = Pace(host.clock)

    async def show(self, message: Message) -> dict[str, str | None]:
        """Of one email."""
        await self._host.step(0, 0)
        await self._pace.breathe()
        try:
            subject = subject_snippet(message.record.subject or "", self._subject) if self._subject else None
            return {"subject": subject, "preview": await self._preview(message) if self._body else None}
        except Corrupt as damage:
            self._host.is_damaged(damage)
            return {"subject": None, "preview": None}

    async def _preview(self, message: Message) -> str | None:
        try:
            raw = await self._host.mail.content(message)
        except NotFound:  # swept meanwhile
            return None

        def work() -> str | None:
            return body_snippet(raw, message.record, self._body)

        if len(raw) <= _APART_ABOVE_BYTES:
            return work()
        async with self._host.large:
            return await asyncio.to_thread(work)


def _words(tree: Filter | None, fields: tuple[str, ...]) -> list[str]:
    """What is looked for in these fields; no more than are marked."""
    return list(dict.fromkeys(_terms(tree, fields)))[:WORDS_MAX]


def _terms(tree: Filter | None, fields: tuple[str, ...]) -> Iterator[str]:
    if isinstance(tree, Operator):
        for one in tree.conditions if tree.operator != "NOT" else ():
            yield from _terms(one, fields)
    elif isinstance(tree, EmailCondition):
        for field in fields:
            terms = getattr(tree, field)
            if isinstance(terms, Terms):
                yield from (term.text for term in terms)
