"""How one client hears of its mailbox: what it has enabled (RFC 5161), as what its responses have in them.

The law: what is said unasked has one shape, and it is made here: FETCH with FLAGS (RFC 3501 7.4.2), with UID and
MODSEQ (RFC 7162 3.2.4), with UID (RFC 9051 7.5.2), or UIDFETCH (RFC 9586 3.4).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.imap.parts import Array


class Style(NamedTuple):
    """All false: as RFC 3501 has it."""

    modseq: bool = False  # FETCH tells UID and MODSEQ (RFC 7162 3.2.4)
    resync: bool = False  # HIGHESTMODSEQ is told with what is expunged (RFC 7162 3.2.7)
    vanished: bool = False  # VANISHED instead of EXPUNGE (RFC 7162 3.2.10, RFC 9586 3)
    uids: bool = False  # no sequence numbers, in neither direction (RFC 9586)
    rev2: bool = False  # no \Recent, and UID with all that is unasked (RFC 9051 E)

    @property
    def always_uid(self) -> bool:
        """Whether what is said unasked has UID."""
        return self.modseq or self.rev2

    @property
    def lead(self) -> bytes:
        """How a FETCH response begins, with a place for its number."""
        return b"* %d UIDFETCH (" if self.uids else b"* %d FETCH ("

    def fetched(
        self,
        rows: Array,
        uids: Sequence[int],
        *,
        with_uid: bool,
        flags: Sequence[bytes] | None = None,
        modseqs: Sequence[int] | None = None,
    ) -> bytes:
        """Responses for these rows with what is given, of which there is something."""
        shapes: list[bytes] = []
        columns: list[Sequence[object]] = [uids if self.uids else (rows + 1).tolist()]
        if (with_uid or self.always_uid) and not self.uids:
            shapes.append(b"UID %d")
            columns.append(uids)
        if flags is not None:
            shapes.append(b"FLAGS %b")
            columns.append(flags)
        if modseqs is not None:
            shapes.append(b"MODSEQ (%d)")
            columns.append(modseqs)
        line = self.lead + b" ".join(shapes) + b")\r\n"
        return b"".join([line % row for row in zip(*columns, strict=True)])


PLAIN: Final = Style()


def style_of(enabled: frozenset[str]) -> Style:
    """The style of who has enabled these, in capitals."""
    resync, uids = "QRESYNC" in enabled, "UIDONLY" in enabled
    return Style(
        modseq=resync or "CONDSTORE" in enabled,
        resync=resync,
        vanished=resync or uids,
        uids=uids,
        rev2="IMAP4REV2" in enabled,
    )
