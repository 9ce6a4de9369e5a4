"""HTML to plain text, as far as a glance at a message needs it: no tree is built, no style is obeyed.

The law: linear time for any text. Each pattern goes on where the last one ended and never looks back; what is not
closed reaches the end, as in a browser.
"""

import re
from html.entities import html5
from typing import Final

# A comment, or a tag: a quoted value may hold ">", and a quote counts only after "=" (WHATWG HTML 13.2.5).
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<([/!?]?)([a-zA-Z\[][a-zA-Z0-9:]*+)"
    r"""(?:[^>=]++|=\s*+(?:"[^"]*+"?|'[^']*+'?)?)*>?""",
    re.DOTALL,
)
# Elements whose content is no text, each to the end tag of its own name.
_SKIPPED: Final = {
    name: re.compile(rf"</{name}", re.IGNORECASE) for name in ("script", "style", "template", "title")
} | {"head": re.compile("</head|<body", re.IGNORECASE)}
# Between these and a text there is no space; all others separate words, as <br>, <p> and <td> do.
_INLINE: Final = frozenset(
    """
    a abbr b big cite code del em font i ins kbd label mark o:p q s small span strike strong sub sup tt u var wbr
    """.split()  # noqa: SIM905 - thirty quoted names would be harder to read
)
_QUOTE: Final = "blockquote"
# Ten digits are more than any character has, and are read at once however many follow.
_REFERENCE: Final = re.compile(r"&(?:#(?:([0-9]{1,10})|[xX]([0-9a-fA-F]{1,8}))|([a-zA-Z][a-zA-Z0-9]{1,31}));?")


def plain_text(markup: str, chars_wanted: int, *, quotes: bool = False) -> str:
    """The text of the document's begin, until it has `chars_wanted` visible characters; spaces are not collapsed.

    Quotes (<blockquote>) are left out, unless they are wanted or there is nothing else.
    """
    own: list[str] = []
    quoted: list[str] = []
    visible = depth = position = 0
    while visible < chars_wanted:
        tag = _MARKUP.search(markup, position)
        text = markup[position : tag.start() if tag else len(markup)]
        if text:
            (quoted if depth else own).append(text)
            visible += 0 if depth else sum(map(len, text.split()))
        if tag is None:
            break
        position = tag.end()
        name = tag[2].lower() if tag[2] else ""
        if name == _QUOTE and not quotes:
            depth = max(0, depth - 1) if tag[1] else depth + 1
        elif name in _SKIPPED and not tag[1]:
            close = _SKIPPED[name].search(markup, position)
            position = close.start() if close else len(markup)
        if name and name not in _INLINE:
            (quoted if depth else own).append(" ")
    return unescape("".join(own if visible else quoted))


def unescape(text: str) -> str:
    """Character references decoded; unknown ones stay as they stand."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if name:
        return html5.get(name + ";") or reference[0]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if 0x80 <= code < 0xA0:  # windows-1252 was meant (WHATWG HTML 13.2.5.80)
        return bytes([code]).decode("cp1252", "replace")
    if code == 0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return "\ufffd"
    return chr(code)
