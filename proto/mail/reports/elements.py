"""A reader of the small part of XML that reports use, which goes on after errors as people's report writers make them.

The law: no document type, no entity but the five and numbers, nothing fetched; one pass in linear time; depth, number
of elements and length of a text are bounded. Where something is not as it should be, a problem is noted, the reader
goes on, and whoever uses the elements decides whether enough is there.
"""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Final, NamedTuple

from mail.reports.errors import ReportError

DEPTH_MAX: Final = 30
ELEMENTS_MAX: Final = 2_000_000  # of a report of 32 MB
TEXT_CHARS_MAX: Final = 2000  # of one element; longer is cut
PROBLEMS_MAX: Final = 20  # told

_TAG: Final = re.compile(
    r"<!--(?:[^-]|-(?!->))*-->"  # a comment
    r"|<\?[^>]*>"  # the declaration
    r"|<!\[CDATA\[((?:[^\]]|\](?!\]>))*)\]\]>"
    r"|<(!)"  # a document type: refused
    r"|<(/?)(?:[A-Za-z_][\w.-]{0,60}:)?([A-Za-z_][\w.-]{0,60})(?:\s[^<>]*)?>"  # prefixes of namespaces do not matter
)
_NUMBER: Final = re.compile(r"&(?:#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|lt|gt|amp|quot|apos);")


class Text(NamedTuple):
    """The text of an element that has no others in it; `path`: the names of those around it and its own."""

    path: tuple[str, ...]
    text: str


class End(NamedTuple):
    """An element that had others in it has ended."""

    path: tuple[str, ...]


def elements(document: str, problem: Callable[[str], None]) -> Iterator[Text | End]:
    """What is in it, in order. Raises ReportError for what is hostile."""
    reader = _Reader(problem)
    at = count = 0
    for found in _TAG.finditer(document):
        if found.start() > at:
            reader.text(_plain(document[at : found.start()]))
        at = found.end()
        cdata, forbidden, closing, name = found.groups()
        if forbidden:
            raise ReportError("it has a document type or entities, which no report needs")
        reader.text(cdata or "")
        if name is None:
            continue
        count += 1
        if count > ELEMENTS_MAX:
            raise ReportError(f"it has more than {ELEMENTS_MAX} elements")
        if closing:
            yield from reader.close(name.lower())
        else:
            reader.open(name.lower())
            if found[0].endswith("/>"):
                yield from reader.close(name.lower())
    reader.end()


class _Reader:
    """The elements that are open, and the text of the innermost while it has no others in it."""

    def __init__(self, problem: Callable[[str], None]) -> None:
        self._problem = problem
        self._open: list[str] = []
        self._texts: list[str] = []
        self._leaf = False

    def text(self, text: str) -> None:
        if self._leaf:
            self._texts.append(text)

    def open(self, name: str) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise ReportError(f"its elements are nested more than {DEPTH_MAX} deep")
        self._open.append(name)
        self._leaf = True
        self._texts = []

    def close(self, name: str) -> Iterator[Text | End]:
        if name not in self._open:
            self._problem(f"</{name}> closes nothing")
            return
        while self._open[-1] != name:
            self._problem(f"<{self._open.pop()}> is not closed")
            self._leaf = False
        path = tuple(self._open)
        self._open.pop()
        yield Text(path, "".join(self._texts).strip()[:TEXT_CHARS_MAX]) if self._leaf else End(path)
        self._leaf = False

    def end(self) -> None:
        if self._open:
            self._problem(f"<{self._open[-1]}> is not closed")


def _plain(text: str) -> str:
    return _NUMBER.sub(lambda found: unescape(found[0]), text) if "&" in text else text
