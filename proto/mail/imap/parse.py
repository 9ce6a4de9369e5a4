"""From a command that is here whole to its value: tag, name, the one table of commands. Nothing but Refused leaves.

A new command or extension is a class with `parse` and a line in COMMANDS.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from mail.imap import commands
from mail.imap.commands import Command
from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.limits import Limits

COMMANDS: dict[bytes, Callable[[Reader], Command]] = {
    b"APPEND": commands.Append.parse,
    b"AUTHENTICATE": commands.Authenticate.parse,
    b"CANCELUPDATE": commands.CancelUpdate.parse,
    b"CAPABILITY": commands.Capability.parse,
    b"CHECK": commands.Check.parse,
    b"CLOSE": commands.Close.parse,
    b"COMPRESS": commands.Compress.parse,
    b"COPY": commands.Copy.parse,
    b"CREATE": commands.Create.parse,
    b"DELETE": commands.Delete.parse,
    b"DELETEACL": commands.DeleteAcl.parse,
    b"ENABLE": commands.Enable.parse,
    b"ESEARCH": commands.Esearch.parse,
    b"EXAMINE": commands.Examine.parse,
    b"EXPUNGE": commands.Expunge.parse,
    b"FETCH": commands.Fetch.parse,
    b"GENURLAUTH": commands.GenUrlAuth.parse,
    b"GETACL": commands.GetAcl.parse,
    b"GETJMAPACCESS": commands.GetJmapAccess.parse,
    b"GETMETADATA": commands.GetMetadata.parse,
    b"GETQUOTA": commands.GetQuota.parse,
    b"GETQUOTAROOT": commands.GetQuotaRoot.parse,
    b"ID": commands.Id.parse,
    b"IDLE": commands.Idle.parse,
    b"LIST": commands.List.parse,
    b"LISTRIGHTS": commands.ListRights.parse,
    b"LOGIN": commands.Login.parse,
    b"LOGOUT": commands.Logout.parse,
    b"LSUB": commands.Lsub.parse,
    b"MOVE": commands.Move.parse,
    b"MYRIGHTS": commands.MyRights.parse,
    b"NAMESPACE": commands.Namespace.parse,
    b"NOOP": commands.Noop.parse,
    b"NOTIFY": commands.Notify.parse,
    b"RENAME": commands.Rename.parse,
    b"REPLACE": commands.Replace.parse,
    b"RESETKEY": commands.ResetKey.parse,
    b"SEARCH": commands.Search.parse,
    b"SELECT": commands.Select.parse,
    b"SETACL": commands.SetAcl.parse,
    b"SETMETADATA": commands.SetMetadata.parse,
    b"SETQUOTA": commands.SetQuota.parse,
    b"SORT": commands.Sort.parse,
    b"STARTTLS": commands.StartTls.parse,
    b"STATUS": commands.Status.parse,
    b"STORE": commands.Store.parse,
    b"SUBSCRIBE": commands.Subscribe.parse,
    b"THREAD": commands.Thread.parse,
    b"UID COPY": partial(commands.Copy.parse, uid=True),
    b"UID EXPUNGE": commands.UidExpunge.parse,
    b"UID FETCH": partial(commands.Fetch.parse, uid=True),
    b"UID MOVE": partial(commands.Move.parse, uid=True),
    b"UID REPLACE": partial(commands.Replace.parse, uid=True),
    b"UID SEARCH": partial(commands.Search.parse, uid=True),
    b"UID SORT": partial(commands.Sort.parse, uid=True),
    b"UID STORE": partial(commands.Store.parse, uid=True),
    b"UID THREAD": partial(commands.Thread.parse, uid=True),
    b"UIDBATCHES": commands.UidBatches.parse,
    b"UNAUTHENTICATE": commands.Unauthenticate.parse,
    b"UNSELECT": commands.Unselect.parse,
    b"UNSUBSCRIBE": commands.Unsubscribe.parse,
    b"URLFETCH": commands.UrlFetch.parse,
}

# tag = 1*<any ASTRING-CHAR except "+">
_TAG = re.compile(rb"[!#$&',-\[\]^-z|}~]+")
_HEAD = re.compile(_TAG.pattern.join((rb"(", rb") ((?:UID )?[A-Z0-9]+)(?= |\Z)")), re.IGNORECASE)


class Refused(ImapError):
    """The ImapError of a command whose tag is known (None: it has none)."""

    def __init__(self, tag: bytes | None, error: ImapError) -> None:
        super().__init__(error.text, status=error.status, code=error.code, unsaves=error.unsaves)
        self.tag = tag


def parse_head(line: bytes, limits: Limits) -> tuple[bytes, bytes]:
    """Tag and command name in capitals (`UID FETCH` is one name). Refused if there is no such command."""
    found = _HEAD.match(line)
    tag, name = found.groups() if found is not None else (b"", b"")
    name = name.upper()
    if name not in COMMANDS:
        sent = parse_tag(line, limits)
        raise Refused(sent, ImapError("Unknown command" if sent else "Expected a tag and a command (RFC 3501 2.2.1)"))
    if len(tag) > limits.tag_max_bytes:
        raise Refused(None, ImapError("The tag is too long"))
    return tag, name


def parse_tag(line: bytes, limits: Limits) -> bytes | None:
    """The tag a broken line begins with, to answer to; None if it has none that can be sent back."""
    found = _TAG.match(line[: limits.tag_max_bytes + 1])
    if found is None or len(found[0]) > limits.tag_max_bytes or line[found.end() : found.end() + 1] not in (b" ", b""):
        return None
    return found[0]


def parse_command(
    lines: Sequence[bytes], literals: Sequence[bytes], limits: Limits, *, utf8: bool = False
) -> tuple[bytes, Command]:
    """Tag and command from `lines` (without CRLF, each but the last ending in a literal's `{n}`) and `literals`."""
    tag, name = parse_head(lines[0], limits)
    reader = Reader(lines, literals, limits, len(tag) + 1 + len(name), utf8=utf8)
    try:
        command = COMMANDS[name](reader)
        reader.end()
    except ImapError as error:
        raise Refused(tag, error) from None
    return tag, command
