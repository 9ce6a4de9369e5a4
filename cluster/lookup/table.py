"""A list or map in memory: exact keys, keys that begin with `*.` or `*@`, and networks.

The law: immutable once made; a look-up takes time by the length of its key, not by the number of entries. The most
exact entry counts: the key itself, then the longest rest after `*`, then the smallest network.
"""

import csv
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from cluster.rules.facts import NOT_THERE, Missing
from cluster.rules.networks import Network, Networks, network_of

KEY_CHARACTERS_MAX: Final = 1_000  # a longer key is in no table
VALUE_CHARACTERS_MAX: Final = 4_000
_SHOWN: Final = 60
_GZIP: Final = b"\x1f\x8b"

Format = Literal["lines", "csv"]


class WrongTable(ValueError):
    """A text that is no table: the line and what is wrong with it."""


class Table:
    """Keys with their values; "" for the keys of a list."""

    def __init__(self, entries: Iterable[tuple[str, str]], *, case_sensitive: bool = False) -> None:
        self._folds = not case_sensitive
        self._exact: dict[str, str] = {}
        self._endings: dict[str, str] = {}
        networks: list[tuple[Network, str]] = []
        for key, value in entries:
            key = key.lower() if self._folds else key
            if key[:2] in ("*.", "*@"):
                self._endings.setdefault(key[1:], value)
            elif "/" in key and (network := network_of(key)) is not None:
                networks.append((network, value))
            else:
                self._exact.setdefault(key, value)
        self._networks: Networks[str] = Networks(networks)
        self._size = len(self._exact) + len(self._endings) + len(networks)

    def __len__(self) -> int:
        return self._size

    def find(self, key: str) -> str | Missing:
        """The value of a key, or NOT_THERE."""
        if len(key) > KEY_CHARACTERS_MAX:
            return NOT_THERE
        if self._folds:
            key = key.lower()
        if key in self._exact:
            return self._exact[key]
        if self._endings:
            for ending in _endings(key):
                if ending in self._endings:
                    return self._endings[ending]
        found = self._networks.find(key) if self._networks else None
        return NOT_THERE if found is None else found[0]


def _endings(key: str) -> Iterator[str]:
    """The rests of a key from each `@` and `.` on, the longest first."""
    for at, sign in enumerate(key):
        if sign in ".@" and at:
            yield key[at:]


def read_table(
    data: bytes, form: Format, *, bytes_max: int, entries_max: int, case_sensitive: bool = False
) -> Table:  # fmt: skip
    """The table that a file holds, gzipped or not. Raises WrongTable."""
    if data.startswith(_GZIP):
        data = _unpacked(data, bytes_max)
    if len(data) > bytes_max:
        raise WrongTable(f"it is larger than {bytes_max} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongTable(f"it is not UTF-8 text (byte {error.start})") from None
    pairs = _rows(text) if form == "csv" else _lines(text)
    return Table(_bounded(pairs, entries_max), case_sensitive=case_sensitive)


def _unpacked(data: bytes, bytes_max: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, bytes_max + 1)
    except zlib.error:
        raise WrongTable("it is no gzip file") from None
    if len(plain) <= bytes_max and not unpacker.eof:
        raise WrongTable("the gzip file is cut off")
    return plain


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line.startswith("#"):
            continue
        line = line.split(" #", 1)[0]
        key, _sign, value = line.partition("=")
        if line:
            yield number, key.strip(), value.strip()


def _rows(text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(text.split("\n"))
    try:
        for row in reader:
            if row and row[0].strip() and not row[0].startswith("#"):
                yield reader.line_num, row[0].strip(), row[1].strip() if len(row) > 1 else ""
    except csv.Error as error:
        raise WrongTable(f"line {reader.line_num}: {error}") from None


def _bounded(pairs: Iterator[tuple[int, str, str]], entries_max: int) -> Iterator[tuple[str, str]]:
    for count, (number, key, value) in enumerate(pairs):
        if count >= entries_max:
            raise WrongTable(f"it has more than {entries_max} entries")
        if not key:
            raise WrongTable(f"line {number}: there is no key")
        if len(key) > KEY_CHARACTERS_MAX or len(value) > VALUE_CHARACTERS_MAX:
            raise WrongTable(f"line {number}: longer than a key or value may be: {key[:_SHOWN]!a}")
        yield key, value
