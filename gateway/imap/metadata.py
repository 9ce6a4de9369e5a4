"""Annotations of mailboxes and of the server: GETMETADATA, SETMETADATA (RFC 5464).

The law: a client is told of `/private/...` what is his own, and of `/shared/...` what is everybody's; anything else
that is kept with a mailbox is the server's and is not told. What is shared of the server as a whole is said by its
settings; what is private of it is kept with the client's account. Who may do what is known to the mailbox
(actors/mailbox/annotating.py).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from actors.mailbox.rights import ANNOTATE, LOOKUP, need, need_any
from actors.mailbox.types import ANNOTATION_BYTES_MAX
from cluster.errors import NotFound, OverLimit
from gateway.imap.parts import Place
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from mail.imap import codes, commands, responses
from mail.imap.commands import Depth

VALUE_BYTES_MAX: Final = 48 * 1024  # leaves room in one log entry; RFC 5464 4.1 asks for 1024
_ADMIN: Final = "/shared/admin"
_COMMENT: Final = "/shared/comment"
_SCOPES: Final = ("/private/", "/shared/")
# RFC 5464 3.2: a vendor's entry has at least four components.
_VENDOR_ONLY: Final = re.compile(r"/(?:private|shared)/vendor(?:/[^/]+)?")
_DEPTHS: Final = {Depth.ZERO: 0, Depth.ONE: 1, Depth.INFINITY: 1 << 16}


async def get_metadata(session: Session, command: commands.GetMetadata) -> Ok:
    """RFC 5464 4.2. An entry that is not there, with none below it that was asked for, is told as NIL."""
    if command.mailbox:
        held = await _of_mailbox(session, await place(session, command.mailbox))
    else:
        held = await _of_server(session)
    told, too_long = _chosen(command, held)
    if told:
        session.wire.write(responses.metadata_line(command.mailbox, told, utf8=session.utf8))
    code = codes.metadata_long_entries_code(too_long).decode() if too_long else ""
    return Ok("GETMETADATA completed", code)


async def set_metadata(session: Session, command: commands.SetMetadata) -> Ok:
    """RFC 5464 4.3: all or nothing."""
    pairs = dict(command.pairs)
    if any(_VENDOR_ONLY.fullmatch(name) for name in pairs):
        raise Bad("A vendor's entry is named behind its token (RFC 5464 3.2)")
    if any(value is not None and len(value) > VALUE_BYTES_MAX for value in pairs.values()):
        raise No("A value is too large", codes.metadata_max_size_code(VALUE_BYTES_MAX).decode())
    if sum(len(name) + len(value or b"") + 64 for name, value in pairs.items()) > ANNOTATION_BYTES_MAX:
        raise No("Too much at once; set one entry after the other", "LIMIT")
    if command.mailbox:
        where = await place(session, command.mailbox)
    else:
        where = Place(session.account, "")
        if any(not name.startswith(_SCOPES[0]) for name in pairs):
            raise No("The server's shared annotations are set by its operators", "NOPERM")
    try:
        await session.services.mail.annotate(where.account, where.name, command.pairs, who=where.who)
    except OverLimit as trouble:
        raise No(trouble.says, codes.METADATA_TOO_MANY.decode()) from None
    return Ok("SETMETADATA completed")


async def _of_mailbox(session: Session, where: Place) -> dict[str, bytes]:
    mail = session.services.mail
    for _name, entries in (await mail.annotations(where.account, [where.name], where.who)).of:
        return {name: value for name, value in entries if name.startswith(_SCOPES)}
    looked = await mail.look(where.account, where.name, where.who)
    need(looked.info.acl, where.who, LOOKUP)
    need_any(looked.info.acl, where.who, ANNOTATE)
    raise NotFound("There is no mailbox of that name.")  # there was none a moment ago


async def _of_server(session: Session) -> dict[str, bytes]:
    settings = session.services.settings
    held = {_ADMIN: settings.admin, _COMMENT: settings.comment}
    found = {name: value.encode() for name, value in held.items() if value}
    for _name, entries in (await session.services.mail.annotations(session.account, [""])).of:
        found |= {name: value for name, value in entries if name.startswith(_SCOPES[0])}
    return found


def _chosen(command: commands.GetMetadata, held: Mapping[str, bytes]) -> tuple[dict[str, bytes | None], int]:
    """What is told, and the size of the largest value that MAXSIZE keeps back."""
    told: dict[str, bytes | None] = {}
    too_long = 0
    for asked, matched in _matched(command, held).items():
        for name in matched:
            if command.max_size is not None and len(held[name]) > command.max_size:
                too_long = max(too_long, len(held[name]))
            else:
                told[name] = held[name]
        if not matched and asked.count("/") > 1:
            told[asked] = None
    return told, too_long


def _matched(command: commands.GetMetadata, held: Iterable[str]) -> dict[str, list[str]]:
    """The entries that each of those asked for stands for (RFC 5464 4.2.2): itself, and so many levels below it."""
    matched: dict[str, list[str]] = {asked: [] for asked in command.entries}
    for name in held:
        above, levels = name, _DEPTHS[command.depth]
        while above and levels >= 0:
            if above in matched:
                matched[above].append(name)
            above, levels = above.rpartition("/")[0], levels - 1
    return matched
