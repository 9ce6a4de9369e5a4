"""The newest messages, as entries: looked through one by one, since they are few.

The law: the same messages are found as in a segment of the same entries (some are sure here that there are not).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.search.brief import Columns, columns_of
from actors.search.entry import CUT, FIELDS, FIELDS_CUT, ODD_HEADER, VALUE, Entry
from actors.search.matching import SIDES, Found
from actors.search.tokens import Needle, Run

Array = npt.NDArray[Any]


class Recent:
    """Entries, ascending by email."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self.emails = np.array([entry.email for entry in entries], np.int64)
        self.languages = np.array([entry.language for entry in entries], np.uint8)
        self.flags = np.array([entry.flags for entry in entries], np.uint8)
        self.weight = sum(sum(map(len, entry.runs)) + sum(map(len, entry.fields)) + 1000 for entry in entries)

    def __len__(self) -> int:
        return len(self.entries)

    def text(self, field: str, needle: Needle) -> Found:
        """As Matcher.text."""
        has = np.array([self._has(entry, field, needle) for entry in self.entries], bool)
        sure = has if (needle.single or not needle.text) and field != "header" else np.zeros(len(self), bool)
        unknown = CUT | ODD_HEADER if field == "header" else CUT
        return Found(sure, (has | ((self.flags & unknown) != 0)) & ~sure)

    def _has(self, entry: Entry, field: str, needle: Needle) -> bool:
        return all(
            any(_pattern(run) in entry.runs[2 * side + run.spaceless] for side in SIDES[field]) for run in needle.runs
        )

    def values(self, field: str, needle: Needle) -> Found:
        """As Matcher.values."""
        at = FIELDS.index(field)
        pattern = needle.text.encode("utf-8", "surrogatepass") or VALUE
        sure = np.array([pattern in entry.fields[at] for entry in self.entries], bool)
        return Found(sure, ((self.flags & FIELDS_CUT) != 0) & ~sure)

    def columns(self) -> Columns:
        """Their briefs."""
        return columns_of([entry.brief for entry in self.entries])


def _pattern(run: Run) -> bytes:
    """The run between the line feeds that are around the runs of an entry."""
    return (b"" if run.begins else b"\n") + run.encoded + (b"" if run.ends else b"\n")
