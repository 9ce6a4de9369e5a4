"""What must hold of any tree and record, in one place for all tests and the fuzz target."""

from mail.message.part import Part
from mail.message.record import RECORD_BYTES_MAX, Record, decode, encode
from mail.message.section import What, locate

WHATS: tuple[What | None, ...] = (None, "HEADER", "TEXT", "MIME")


def check_part(part: Part, begin: int, end: int) -> None:
    """Offsets in order and in bounds; children inside the body, one after the other."""
    assert begin <= part.start <= part.body <= part.end <= end
    at = part.body
    for child in part.children:
        check_part(child, at, part.end)
        at = child.end
    if part.is_multipart:
        assert part.children
    if part.is_message:
        assert len(part.children) == 1
        assert part.children[0].envelope


def paths(part: Part) -> list[tuple[int, ...]]:
    """The section numbers of all parts below a message's root (RFC 3501 6.4.5)."""
    if not part.is_multipart:
        return [(1,), *[(1, *rest) for rest in _below(part)]]
    return _below(part)


def _below(part: Part) -> list[tuple[int, ...]]:
    if part.is_message:
        return paths(part.children[0])
    if not part.is_multipart:
        return []
    found: list[tuple[int, ...]] = []
    for number, child in enumerate(part.children, 1):
        found += [(number,), *[(number, *rest) for rest in _below(child)]]
    return found


def check_record(raw: bytes, record: Record) -> None:
    """The promise of `read_message` for any bytes."""
    assert record.size == len(raw)
    check_part(record.root, 0, len(raw))
    data = encode(record)
    assert len(data) <= RECORD_BYTES_MAX
    assert decode(data) == record
    for path in [(), *paths(record.root), (0,), (99,), (1, 99)]:
        for what in WHATS:
            found = locate(record, path, what)
            assert found is None or 0 <= found[0] <= found[1] <= len(raw)
    for path in paths(record.root):
        assert locate(record, path) is not None
        assert locate(record, path, "MIME") is not None
    for rendered in (record.envelope, record.bodystructure):
        check_list(rendered)


def check_list(rendered: bytes) -> None:
    """One parenthesised list of lists, NIL, numbers, quoted strings and literals (RFC 3501 9)."""
    assert rendered.startswith(b"(")
    at, depth = 0, 0
    while at < len(rendered):
        assert at == 0 or depth > 0, "more after the end"
        byte = rendered[at : at + 1]
        if byte == b"(":
            depth, at = depth + 1, at + 1
        elif byte == b")":
            depth, at = depth - 1, at + 1
        elif byte == b'"':
            at = _quoted_end(rendered, at + 1)
        elif byte == b"{":
            head = rendered.index(b"}\r\n", at)
            length = int(rendered[at + 1 : head])
            literal = rendered[head + 3 : head + 3 + length]
            assert len(literal) == length
            assert b"\0" not in literal
            at = head + 3 + length
        elif rendered.startswith(b"NIL", at):
            at += 3
        else:
            assert byte in b" 0123456789"
            at += 1
    assert depth == 0


def _quoted_end(rendered: bytes, at: int) -> int:
    while rendered[at : at + 1] != b'"':
        assert at < len(rendered)
        assert 0 < rendered[at] < 128
        assert rendered[at] not in b"\r\n"
        if rendered[at : at + 1] == b"\\":
            at += 1
            assert rendered[at] in b'"\\'
        at += 1
    return at + 1
