"""Text and needles as runs of characters, the same way for both: what makes an index of words answer for substrings.

Folded text is cut into words (runs of letters, digits, marks and the underscore) and spaceless runs (scripts that put
no spaces between words, and pictures). Whoever looks for a needle looks for its runs.

The law: what a character is depends on the character alone. So the runs of a needle are runs of any text it is in: the
inner ones whole, the first one perhaps without its beginning, the last one perhaps without its end. Word texts are kept
as UTF-8, in which one text is part of another exactly if its bytes are.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

CHARS_MAX: Final = 1_000_000  # of one piece of text; a novel has 500,000
RUNS_MAX: Final = 20_000  # distinct ones of one message; a novel has 10,000
RUN_BYTES_MAX: Final = 256 * 1024  # of them together
WORD_BYTES_MAX: Final = 128  # a longer one is known by its grams only
GRAM_CHARS: Final = 3  # of a word that is not kept itself
PAIR_CHARS: Final = 2  # of a spaceless run
NOISE_BYTES_MIN: Final = 8  # numbers, and words that mix letters and digits, are kept if they are shorter
_LONG_BYTES: Final = 20  # so are words of one kind of character: codes and keys are longer, words of people hardly
_LONG_OTHER_BYTES: Final = 96  # in other scripts than ASCII's: Hangul has nine bytes a syllable when decomposed

# Characters by Unicode blocks (not by category: that may change with a newer Python, and an index outlives many).
# Neither letter nor digit: Latin-1 signs, general punctuation, currency, CJK punctuation, forms, specials.
_GAPS: Final = (
    "\x80-\xa9\xab-\xb1\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u2000-\u206f\u20a0-\u20cf\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020"
    "\u3030\u303d\u30fb\ufe10-\ufe6f\ufff0-\uffff"
)
# Thai, Lao, Tibetan, Burmese, Tai, Khmer, Javanese; arrows to dingbats; kana, bopomofo, Han; pictures; Han beyond.
_SPACELESS: Final = (
    "\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff\ua980-\ua9df\uaa60-\uaa7f\u2190-\u2bff\u2e80-\u2fff\u3005-\u3007\u3021-"
    "\u302f\u3031-\u303c\u303e-\u30fa\u30fc-\u312f\u3190-\u9fff\uf900-\ufaff\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
_ASCII_GAPS: Final = "\x00-/:-@\\[-\\^`{-\x7f"
_GAP: Final = re.compile(f"[{_GAPS}]+")
_SPACELESS_RUN: Final = re.compile(f"[{_SPACELESS}]+")
_RUN: Final = re.compile(f"([{_SPACELESS}]+)|[^{_ASCII_GAPS}{_GAPS}{_SPACELESS}]+")
_IS_GAP: Final = re.compile(f"[{_ASCII_GAPS}]")
_TO_WORDS: Final = bytes(ord(" ") if byte < 128 and _IS_GAP.match(chr(byte)) else byte for byte in range(256))
_CODE: Final = re.compile(rb"[0-9_]*+(?:\Z|[A-Za-z][A-Za-z_]*+[0-9])|[A-Za-z_]*+[0-9][0-9_]*+[A-Za-z]")


class Runs(NamedTuple):
    """The distinct runs of some texts. `cut`: these are not all."""

    words: set[bytes]
    spaceless: set[bytes]
    cut: bool


class Run(NamedTuple):
    """A run of a needle. `begins`: where it is found, its run may begin earlier; `ends`: and may end later."""

    text: str
    spaceless: bool
    begins: bool
    ends: bool

    @property
    def encoded(self) -> bytes:
        """Its UTF-8."""
        return self.text.encode("utf-8", "surrogatepass")

    @property
    def grams(self) -> list[bytes]:
        """What every text has that has it in a run of which only the grams are known; empty where it is too short."""
        return grams(self.text, PAIR_CHARS if self.spaceless else GRAM_CHARS)


class Needle(NamedTuple):
    """A folded text to look for. `single`: it is one run and nothing else, so whoever has it in a run has it."""

    text: str
    runs: tuple[Run, ...]
    single: bool


def runs_of(texts: Iterable[str]) -> Runs:
    """The runs of folded texts, as many as there may be."""
    collected = Collected()
    for text in texts:
        collected.add(text)
    return collected.runs()


class Collected:
    """The runs of folded texts that come one by one, so that only one of them has to be held."""

    def __init__(self) -> None:
        self._words: set[bytes] = set()
        self._spaceless: set[bytes] = set()
        self._cut = False
        self._full = False

    def add(self, text: str) -> None:
        """One more; nothing of it if there are too many already."""
        if self._full:
            return
        if len(text) > CHARS_MAX:
            text, self._cut = text[:CHARS_MAX], True
        if not text.isascii():
            if _SPACELESS_RUN.search(text):
                self._spaceless.update([run.encode() for run in _SPACELESS_RUN.findall(text)])
                text = _SPACELESS_RUN.sub(" ", text)
            text = _GAP.sub(" ", text)
        self._words.update(text.encode("utf-8", "replace").translate(_TO_WORDS).split())
        self._full = len(self._words) + len(self._spaceless) > RUNS_MAX

    def runs(self) -> Runs:
        """Those of all, or the shortest."""
        words, spaceless = self._words, self._spaceless
        if not self._full and sum(map(len, words)) + sum(map(len, spaceless)) <= RUN_BYTES_MAX:
            return Runs(words, spaceless, self._cut)
        words, budget = _some(words, RUN_BYTES_MAX)
        spaceless, _budget = _some(spaceless, budget)
        return Runs(words, spaceless, True)


def _some(runs: set[bytes], budget: int) -> tuple[set[bytes], int]:
    """The shortest of the runs, within half of what there may be, and what is left of the bytes."""
    kept = set()
    for run in sorted(runs, key=lambda run: (len(run), run))[: RUNS_MAX // 2]:
        budget -= len(run)
        if budget < 0:
            break
        kept.add(run)
    return kept, max(0, budget)


def needle_of(folded: str) -> Needle:
    """A needle, folded as the texts are."""
    runs = tuple(
        Run(match[0], match[1] is not None, match.start() == 0, match.end() == len(folded))
        for match in _RUN.finditer(folded)
    )
    return Needle(folded, runs, len(runs) == 1 and runs[0].text == folded)


def is_noise(word: bytes) -> bool:
    """Whether a word that only one message has is better known by its grams: codes, keys, numbers of processes. There
    are a hundred times as many of them as of other words, so a search that had to look at each would be slow."""
    if len(word) > _LONG_BYTES:
        return word.isascii() or len(word) > _LONG_OTHER_BYTES
    return len(word) >= NOISE_BYTES_MIN and _CODE.match(word) is not None


def grams(text: str, size: int) -> list[bytes]:
    """The distinct runs of so many characters in a text; empty for a shorter one."""
    if text.isascii():
        data = text.encode()
        return list({data[at : at + size] for at in range(len(data) - size + 1)})
    return [
        gram.encode("utf-8", "surrogatepass") for gram in {text[at : at + size] for at in range(len(text) - size + 1)}
    ]
