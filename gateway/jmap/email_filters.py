"""A filter of Email/query (RFC 8621 4.4.1) as a test (gateway.access.finding.matching).

The law: words and phrases are looked for as IMAP's SEARCH looks for a string: as they stand, anywhere in the folded
text, be it within a word. No stems: what is found depends on nothing but the mail, neither on what is indexed already
nor on a language, so that a query's state says all. NOT stands at the leaves only.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import UNSET

from actors.mailbox.types import KEYWORD_SHIFT
from gateway.access.finding.matching import Column, Every, Probe, Some, Test, joined
from gateway.access.finding.questions import AttachmentQuestion, Field, TextQuestion
from gateway.jmap.email_columns import Flagged, InMailbox, InOther, Key, Received, Sized, ThreadFlagged
from gateway.jmap.emails import SYSTEM
from mail.jmap.conditions import EmailCondition
from mail.jmap.errors import MethodError
from mail.jmap.filters import Filter, Operator, leaves
from mail.jmap.sorting import Comparator
from mail.jmap.words import Terms

TERMS_MAX: Final = 200  # of one filter: each is looked up, or looked for in every message that is read

Mailbox = Callable[[str], int | None]
_FIELDS: Final[dict[str, Field]] = {
    "text": "text",
    "from_": "from",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "subject": "subject",
    "body": "body",
}


class Depends(NamedTuple):
    """On what of the account results depend, besides the rows that they are of: `flags` of emails; the other emails in
    their `threads`."""

    flags: bool
    threads: bool


def depends(tree: Filter | None, sort: tuple[Comparator, ...]) -> Depends:
    """What a query depends on."""
    flags = threads = False
    for leaf in leaves(tree):
        assert isinstance(leaf, EmailCondition)
        flags |= leaf.has_keyword is not UNSET or leaf.not_keyword is not UNSET
        threads |= _of_thread(leaf)
    flags |= any(one.property == "hasKeyword" for one in sort)
    threads |= any(one.property in ("allInThreadHaveKeyword", "someInThreadHaveKeyword") for one in sort)
    return Depends(flags or threads, threads)


def only_mailbox(tree: Filter | None) -> str | None:
    """The mailbox that is the whole filter, or one of the conditions that must all be met."""
    if isinstance(tree, EmailCondition):
        return None if tree.in_mailbox is UNSET else tree.in_mailbox
    if isinstance(tree, Operator) and tree.operator == "AND":
        return next((name for name in map(only_mailbox, tree.conditions) if name is not None), None)
    return None


def check(tree: Filter | None) -> None:
    """Raises MethodError where there is too much to look for."""
    terms = 0
    for leaf in leaves(tree):
        texts = [getattr(leaf, name) for name in _FIELDS]
        terms += sum(len(one) for one in texts if isinstance(one, Terms))
        terms += getattr(leaf, "header", UNSET) is not UNSET
    if terms > TERMS_MAX:
        raise MethodError("unsupportedFilter", f"A filter has no more than {TERMS_MAX} words and phrases.")


def bits_of(keyword: str, words: list[str]) -> int:
    """The flags of a keyword, which is in lower case; 0: nothing has it."""
    bits = sum(1 << bit for bit, name in enumerate(SYSTEM) if name and name == keyword)
    return bits | sum(1 << (bit + KEYWORD_SHIFT) for bit, word in enumerate(words) if word.lower() == keyword)


class Compiler:
    """Makes tests of filters."""

    def __init__(self, mailbox: Mailbox, words: list[str]) -> None:
        """`mailbox`: the one of an id; `words`: the account's keywords."""
        self._mailbox = mailbox
        self._words = words

    def compile(self, tree: Filter | None, *, is_not: bool = False) -> Test:
        """The filter as a test."""
        if tree is None:
            return Every([], [])
        if isinstance(tree, Operator):
            inner = is_not is not (tree.operator == "NOT")
            tests = [self.compile(one, is_not=inner) for one in tree.conditions]
            joins = Some if tree.operator == "OR" else Every
            if is_not:  # De Morgan
                joins = Every if joins is Some else Some
            return joined(joins, tests)
        assert isinstance(tree, EmailCondition)
        return joined(Some if is_not else Every, self._condition(tree, is_not=is_not))

    def _condition(self, asked: EmailCondition, *, is_not: bool) -> list[Test]:
        tests: list[Test] = [Column(key, is_not=is_not is not negated) for key, negated in self._keys(asked)]
        if asked.has_attachment is not UNSET:
            tests.append(Probe(AttachmentQuestion(asked), is_not=is_not is asked.has_attachment))
        for name, field in _FIELDS.items():
            terms = getattr(asked, name)
            if isinstance(terms, Terms):
                questions = [TextQuestion(asked, field, term.text, fuzzy=False, flows=True) for term in terms]
                tests += [Probe(question, is_not=is_not) for question in questions]
        if asked.header is not UNSET:
            header, text = asked.header[0].lower(), "".join(asked.header[1:])
            tests.append(Probe(TextQuestion(asked, "header", text, name=header, fuzzy=False), is_not=is_not))
        return tests

    def _keys(self, asked: EmailCondition) -> list[tuple[Key, bool]]:
        """What the columns answer, each with whether it is to be negated."""
        keys: list[tuple[Key, bool]] = []
        if asked.in_mailbox is not UNSET:
            keys.append((InMailbox(self._mailbox(asked.in_mailbox) or 0), False))
        if asked.in_mailbox_other_than is not UNSET:
            numbers = [self._mailbox(name) for name in asked.in_mailbox_other_than]
            keys.append((InOther(frozenset(number for number in numbers if number)), False))
        if asked.before is not UNSET:
            keys.append((Received(asked.before), True))
        if asked.after is not UNSET:
            keys.append((Received(asked.after), False))
        if asked.min_size is not UNSET:
            keys.append((Sized(asked.min_size), False))
        if asked.max_size is not UNSET:
            keys.append((Sized(asked.max_size), True))
        return keys + self._keywords(asked)

    def _keywords(self, asked: EmailCondition) -> list[tuple[Key, bool]]:
        keys: list[tuple[Key, bool]] = []
        if asked.has_keyword is not UNSET:
            keys.append((Flagged(bits_of(asked.has_keyword, self._words)), False))
        if asked.not_keyword is not UNSET:
            keys.append((Flagged(bits_of(asked.not_keyword, self._words)), True))
        if asked.all_in_thread_have_keyword is not UNSET:
            keys.append((ThreadFlagged("all", bits_of(asked.all_in_thread_have_keyword, self._words)), False))
        if asked.some_in_thread_have_keyword is not UNSET:
            keys.append((ThreadFlagged("some", bits_of(asked.some_in_thread_have_keyword, self._words)), False))
        if asked.none_in_thread_have_keyword is not UNSET:
            keys.append((ThreadFlagged("none", bits_of(asked.none_in_thread_have_keyword, self._words)), False))
        return keys


def _of_thread(leaf: EmailCondition) -> bool:
    return not (
        leaf.all_in_thread_have_keyword is UNSET
        and leaf.some_in_thread_have_keyword is UNSET
        and leaf.none_in_thread_have_keyword is UNSET
    )
