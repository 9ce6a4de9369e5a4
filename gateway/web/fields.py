"""What several of HTTP's header fields are made of: weighted lists, entity tags (RFC 9110 §5.6, §8.8.3, §12.4.2).

The law: no text raises anything; what makes no sense is left out, as if it had not been sent. Texts longer than
TEXT_MAX say nothing.
"""

import re
from functools import lru_cache
from typing import Final

TEXT_MAX: Final = 4096

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_WEIGHED: Final = re.compile(rf"[ \t]*({_WORD})[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{{0,3}})?|1(?:\.0{{0,3}})?)[ \t]*)?")
_TAG: Final = re.compile(r'((?:W/)?"[!#-~\x80-\xff]*")[ \t]*(?=,|\Z)')


@lru_cache(maxsize=256)  # a browser says the same with each request
def weights(text: str) -> dict[str, float]:
    """Names, in small letters, with their weights: of Accept-Encoding."""
    found: dict[str, float] = {}
    if len(text) > TEXT_MAX:
        return found
    for part in text.split(","):
        if match := _WEIGHED.fullmatch(part):
            found[match[1].lower()] = float(match[2] or 1)
    return found


def tags(text: str) -> list[str]:
    """Entity tags, each with its quotes and W/."""
    return _TAG.findall(text) if len(text) <= TEXT_MAX else []


def opaque(tag: str) -> str:
    """What two tags have in common when they are weakly the same (RFC 9110 §8.8.3.2)."""
    return tag.removeprefix("W/")
