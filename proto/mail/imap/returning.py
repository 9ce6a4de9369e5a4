"""What a search is to give back: `RETURN (...)` of SEARCH, SORT and ESEARCH (RFC 4466 2.6.1).

The law: what is read here is said in any order; an option that is not known, or that another one excludes, is BAD.
"""

from dataclasses import dataclass
from enum import Enum

from mail.imap.errors import ImapError
from mail.imap.fetch import FetchItem, parse_item
from mail.imap.lexer import Reader
from mail.imap.seqset import PartialRange


class ReturnOption(Enum):
    """Without arguments: RFC 4731 3.1, RFC 5182 (SAVE), RFC 5267 (UPDATE, CONTEXT), RFC 6203 (RELEVANCY)."""

    MIN = b"MIN"
    MAX = b"MAX"
    ALL = b"ALL"
    COUNT = b"COUNT"
    SAVE = b"SAVE"
    UPDATE = b"UPDATE"
    CONTEXT = b"CONTEXT"
    RELEVANCY = b"RELEVANCY"


_OPTIONS = {option.value: option for option in ReturnOption}


@dataclass(frozen=True, slots=True)
class SearchReturn:
    """The options. PARTIAL has its range; UPDATE may have items to fetch of messages that are new (RFC 5465 8)."""

    options: frozenset[ReturnOption]
    partial: PartialRange | None = None
    update_items: tuple[FetchItem, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> "SearchReturn":
        """ "(" [search-return-opt *(SP search-return-opt)] ")", `RETURN ` being read."""
        found = _Found()
        reader.parenthesized(found.read, empty=True)
        # RFC 4731 3.1: an empty list is ALL.
        if not found.options and found.partial is None:
            return RETURN_ALL
        return cls(frozenset(found.options), found.partial, found.update_items)


RETURN_ALL = SearchReturn(frozenset({ReturnOption.ALL}))


class _Found:
    """The options read so far."""

    def __init__(self) -> None:
        self.options: list[ReturnOption] = []
        self.partial: PartialRange | None = None
        self.update_items: tuple[FetchItem, ...] = ()

    def read(self, reader: Reader) -> None:
        """search-return-opt"""
        word = reader.word()
        if word == b"PARTIAL":
            self._one_list()
            reader.sp()
            self.partial = reader.partial_range()
            return
        option = _OPTIONS.get(word)
        if option is None:
            raise ImapError("Unknown option for RETURN")
        if option is ReturnOption.ALL:
            self._one_list()
        elif option is ReturnOption.UPDATE:
            self._read_items(reader)
        self.options.append(option)

    def _one_list(self) -> None:
        if self.partial is not None or ReturnOption.ALL in self.options:
            raise ImapError("Only one of ALL and PARTIAL, and that once (RFC 9394 3.1)")

    def _read_items(self, reader: Reader) -> None:
        """modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"] ; RFC 5465 has it with a space as well"""
        if reader.peek(b" ("):
            reader.sp()
        if reader.peek(b"("):
            self.update_items = tuple(dict.fromkeys(reader.parenthesized(parse_item)))
