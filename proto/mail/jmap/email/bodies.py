"""Which parts of a message are its body and which are attachments (RFC 8621 4.1.4).

The law: every part that is no multipart is in at least one of the three lists; the record alone decides, no byte of
the message is looked at. Messages within a message are one part.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from mail.message.part import Part
from mail.message.words import file_name

_MEDIA: Final = frozenset({"image", "audio", "video"})
_TEXTS: Final = frozenset({"plain", "html"})
# What clients deal with by themselves, so that it is nothing to download (4.1.4, hasAttachment: MAY).
_AUTOMATIC: Final = frozenset(
    {("application", "pgp-signature"), ("application", "pkcs7-signature"), ("application", "x-pkcs7-signature")}
)


class Node(NamedTuple):
    """A part with its partId, which is None for a multipart: its number as in IMAP (RFC 9051 6.4.5.1)."""

    part: Part
    id: str | None
    children: "tuple[Node, ...]"


class Bodies(NamedTuple):
    """The lists of RFC 8621 4.1.4."""

    text: list[Node]
    html: list[Node]
    attachments: list[Node]


def tree(root: Part) -> Node:
    """The parts of a message, without those of messages in it."""
    return _branch(root, "") if root.is_multipart else Node(root, "1", ())


def _branch(part: Part, prefix: str) -> Node:
    children = [
        _branch(child, f"{prefix}{number}.") if child.is_multipart else Node(child, f"{prefix}{number}", ())
        for number, child in enumerate(part.children, start=1)
    ]
    return Node(part, None, tuple(children))


def leaves(node: Node) -> Iterator[Node]:
    """All nodes that are no multipart, depth first."""
    if node.id is not None:
        yield node
    for child in node.children:
        yield from leaves(child)


def find(root: Part, part_id: str) -> Part | None:
    """The part with this partId."""
    return next((node.part for node in leaves(tree(root)) if node.id == part_id), None)


def part_at(root: Part, start: int) -> Part | None:
    """The part that is no multipart and begins at this offset, which names it within its message for good."""
    return next((node.part for node in leaves(tree(root)) if node.part.start == start), None)


def decompose(root: Node) -> Bodies:
    """The body as text, the body as HTML, and what is attached."""
    text: list[Node] = []
    html: list[Node] = []
    attachments: list[Node] = []
    _sort((root,), "mixed", False, text, html, attachments)
    return Bodies(text, html, attachments)


def _sort(
    nodes: tuple[Node, ...],
    kind: str,
    in_alternative: bool,
    text: list[Node] | None,
    html: list[Node] | None,
    attachments: list[Node],
) -> None:
    """The children of a multipart/`kind`. A list that is None gets none of them: they are not that alternative's."""
    texts, htmls = len(text or ()), len(html or ())
    for index, node in enumerate(nodes):
        part = node.part
        if node.id is None:
            inner = part.subtype
            _sort(node.children, inner, in_alternative or inner == "alternative", text, html, attachments)
        elif not _is_inline(part, index, kind):
            attachments.append(node)
        elif kind == "alternative":
            _take_alternative(node, text, html, attachments)
        else:
            if in_alternative and part.type == "text":
                # The rest of this multipart belongs to the alternative that this text is of.
                text, html = (text, None) if part.subtype == "plain" else (None, html)
            _take_inline(node, text, html, attachments)
    if kind == "alternative" and text is not None and html is not None:
        found_text, found_html = text[texts:], html[htmls:]
        if found_html and not found_text:
            text.extend(found_html)
        elif found_text and not found_html:
            html.extend(found_text)


def _is_inline(part: Part, index: int, kind: str) -> bool:
    """Whether a part is shown with the body. Of a multipart/related only its first is, and a text with a file name
    behind another part is an attachment."""
    is_media = part.type in _MEDIA
    if part.disposition == "attachment" or not (is_media or (part.type == "text" and part.subtype in _TEXTS)):
        return False
    if index == 0:
        return True
    return kind != "related" and (is_media or not file_name(part.disposition_parameters, part.parameters))


def _take_inline(node: Node, text: list[Node] | None, html: list[Node] | None, attachments: list[Node]) -> None:
    if text is not None:
        text.append(node)
    if html is not None:
        html.append(node)
    is_in_both = text is not None and html is not None
    if not is_in_both and (node.part.type in _MEDIA or text is html):
        attachments.append(node)  # a medium that is not in both; or what none of the lists would have


def _take_alternative(node: Node, text: list[Node] | None, html: list[Node] | None, attachments: list[Node]) -> None:
    part = node.part
    chosen = None
    if part.type == "text":
        chosen = text if part.subtype == "plain" else html
    (attachments if chosen is None else chosen).append(node)


def has_attachment(root: Part) -> bool:
    """hasAttachment: something to download that is not shown inline or used by an HTML part beside it."""
    if not root.is_multipart:
        return root.type != "text" and _is_offered(root, "") and bool(decompose(tree(root)).attachments)
    node = tree(root)
    related = {id(child.part) for child in _related(node)}
    return any(
        _is_offered(one.part, "related" if id(one.part) in related else "") for one in decompose(node).attachments
    )


def _related(node: Node) -> Iterator[Node]:
    """The parts beside the first of a multipart/related."""
    if node.part.subtype == "related":
        yield from node.children[1:]
    for child in node.children:
        if child.id is None:
            yield from _related(child)


def _is_offered(part: Part, kind: str) -> bool:
    if part.disposition == "inline" or (part.type, part.subtype) in _AUTOMATIC:
        return False
    is_embedded = kind == "related" and part.type == "image" and part.id is not None
    return part.disposition == "attachment" or not is_embedded
