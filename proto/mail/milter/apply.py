"""Carries out what filters ask for, on an envelope and a message, as Sendmail and Postfix do.

Where those two differ: positions of INSHEADER count our own Received field on top (both); a field that was removed
still counts for the same filter (Sendmail), so that a filter may name all by what it was shown; ADDHEADER puts a field
behind all others (Postfix).

The law: what came from a filter has CRLF lines and no CR or LF without its twin, and no text of a filter can end the
header or begin a field that it did not name.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from mail.milter import changes
from mail.milter.content import Content, Field

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_WHITE: Final = frozenset((b" ", b"\t"))


class Recipient(NamedTuple):
    """Somebody the message is for; `args`: ESMTP parameters as they are said in RCPT."""

    address: str
    args: tuple[str, ...] = ()


class Envelope(NamedTuple):
    """Who sent it and for whom; `args`: ESMTP parameters as they are said in MAIL."""

    sender: str
    args: tuple[str, ...] = ()
    recipients: tuple[Recipient, ...] = ()


class Applied(NamedTuple):
    """How all is after the changes of one filter. `quarantine`: the reason; None: not asked for."""

    envelope: Envelope
    content: Content
    quarantine: str | None = None


def apply(envelope: Envelope, content: Content, wanted: Iterable[changes.Change], *, leading_space: bool) -> Applied:
    """Carry out one filter's changes in their order.

    `leading_space`: HDR_LEADSPC was agreed on, values come with what is behind the colon. Our Received field is not in
    the content; it is put on top later.
    """
    header = _Header(content.fields, leading_space=leading_space)
    addresses = _Addresses(envelope)
    pieces: list[bytes] | None = None
    quarantine: str | None = None
    for change in wanted:
        match change:
            case changes.ReplaceBody(data):
                pieces = [] if pieces is None else pieces
                pieces.append(data)
            case changes.Quarantine(reason):
                quarantine = reason
            case changes.AddHeader() | changes.InsertHeader() | changes.ChangeHeader():
                header.carry_out(change)
            case _:
                addresses.carry_out(change)
    if header.is_changed:
        content = content._replace(fields=header.fields())
    if pieces is not None:
        content = Content(_ended(content.fields), b"\r\n", _neutral(b"".join(pieces)))
    return Applied(addresses.envelope(), content, quarantine)


def _neutral(body: bytes) -> bytes:
    """A bare LF becomes CRLF, a bare CR a space: neither may pass for a line end elsewhere."""
    return _BARE_CR.sub(b" ", _BARE_LF.sub(b"\r\n", body))


def _ended(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Each with its line end; the last of a message without a body may lack it."""
    return tuple(field if field.raw.endswith(b"\n") else Field(field.name, field.raw + b"\r\n") for field in fields)


def _key(address: str) -> tuple[str, str]:
    """The same for all spellings of one mailbox: the domain counts in any case (RFC 5321 2.4)."""
    local, _, domain = address.rpartition("@")
    return local, domain.casefold()


class _Addresses:
    """The envelope while it is changed."""

    def __init__(self, envelope: Envelope) -> None:
        self._before = envelope
        self._sender: changes.ChangeSender | None = None
        self._recipients: dict[tuple[str, str], Recipient] | None = None  # made when it is needed

    def carry_out(self, change: changes.ChangeSender | changes.AddRecipient | changes.DeleteRecipient) -> None:
        """One change."""
        if isinstance(change, changes.ChangeSender):
            self._sender = change
            return
        if self._recipients is None:
            self._recipients = {_key(one.address): one for one in self._before.recipients}
        if isinstance(change, changes.AddRecipient):
            self._recipients.setdefault(_key(change.address), Recipient(*change))
        else:
            self._recipients.pop(_key(change.address), None)

    def envelope(self) -> Envelope:
        """How it is now."""
        sender, args, recipients = self._before
        if self._sender is not None:
            sender, args = self._sender.address, args if self._sender.args is None else self._sender.args
        if self._recipients is not None:
            recipients = tuple(self._recipients.values())
        return Envelope(sender, args, recipients)


class _Header:
    """The fields while they are changed. A removed one keeps its place, with nothing in it, until the end."""

    def __init__(self, fields: tuple[Field, ...], *, leading_space: bool) -> None:
        self.is_changed = False
        self._space = b"" if leading_space else b" "
        # On top something invisible stands for our Received field, which positions count.
        self._names = [b"", *(field.name.lower() for field in fields)]
        self._fields: list[Field | None] = [None, *fields]

    def fields(self) -> tuple[Field, ...]:
        """What is left."""
        return _ended(field for field in self._fields if field is not None)

    def carry_out(self, change: changes.AddHeader | changes.InsertHeader | changes.ChangeHeader) -> None:
        """One change."""
        self.is_changed = True
        match change:
            case changes.AddHeader(name, value):
                self._insert(len(self._names), name, value)
            case changes.InsertHeader(above, name, value):
                self._insert(above, name, value)
            case changes.ChangeHeader(number, name, value):
                self._change(number, name, value)

    def _insert(self, at: int, name: bytes, value: bytes) -> None:
        self._names.insert(at, name.lower())
        self._fields.insert(at, self._field(name, value))

    def _change(self, number: int, name: bytes, value: bytes) -> None:
        wanted = name.lower()
        same = [at for at, one in enumerate(self._names) if one == wanted]
        if len(same) >= number:
            self._fields[same[number - 1]] = self._field(name, value) if value else None
        elif value:
            self._insert(len(self._names), name, value)

    def _field(self, name: bytes, value: bytes) -> Field:
        """A field with its lines folded: each but the first begins with white space and has more than that."""
        first, *more = _LINE_END.split(value)
        lines = [name + b":" + self._space + first]
        lines += [line if line[:1] in _WHITE else b"\t" + line for line in more if line.strip()]
        return Field(name, b"\r\n".join(lines) + b"\r\n")
