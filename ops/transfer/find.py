"""Which folders there are under a path, and which mailbox each one goes to.

The law: a path is only looked at, never followed out of itself through symbolic links; a name that no mailbox can have
is changed as little as possible, never refused.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from actors.mailbox.types import INBOX, SEPARATOR
from cluster.errors import Misconfigured
from gateway.imap.spaces import is_own
from mail.imap import utf7
from mail.imap.errors import ImapError
from ops.transfer.folder import Folder
from ops.transfer.maildir import Maildir, is_maildir
from ops.transfer.mbox import Mbox

Format = Literal["auto", "mbox", "maildir"]

FOLDERS_MAX: Final = 5000  # as many mailboxes as an account may have
DEPTH_MAX: Final = 20
DOT: Final = "&AC4-"  # a dot within a level of a Maildir++ name, in modified UTF-7 (RFC 3501 5.1.3)
IMPORTED: Final = "Imported"  # stands above folders whose names would be elsewhere
LEADING_DOT: Final = "%2E"  # instead of a dot before a file's name; no mailbox name has a percent sign
# What programs call the mailboxes that RFC 6154 gives a use.
SPECIAL: Final[Mapping[str, str]] = {
    "drafts": "drafts",
    "draft": "drafts",
    "sent": "sent",
    "sent items": "sent",
    "sent messages": "sent",
    "sent mail": "sent",
    "sent-mail": "sent",
    "[gmail]/sent mail": "sent",
    "junk": "junk",
    "junk e-mail": "junk",
    "junk email": "junk",
    "spam": "junk",
    "[gmail]/spam": "junk",
    "bulk mail": "junk",
    "trash": "trash",
    "deleted items": "trash",
    "deleted messages": "trash",
    "[gmail]/trash": "trash",
    "archive": "archive",
    "archives": "archive",
}
_INBOXES: Final = frozenset({"inbox", "mbox", "mail"})
_IMPOSSIBLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f*%\u2028\u2029\ud800-\udfff]")
_ENDINGS: Final = (".mbox", ".mbx", ".sbd")


def folders(path: Path, format_: Format, into: str, roles: Mapping[str, str]) -> list[Folder]:
    """The folders under `path`, in the order of their names.

    `into`: the mailbox for a single file or what would be INBOX, and above the rest; empty: their own names.
    `roles`: the account's mailboxes by their use, such as {"sent": "Sent"}. Raises OSError, and Misconfigured where
    there is no mail.
    """
    if not path.exists():
        raise Misconfigured(f"There is no {path}.")
    found: list[Folder] = []
    for kind, folder, name in _found(path, format_):
        if len(found) >= FOLDERS_MAX:
            raise Misconfigured(f"{path} has more than {FOLDERS_MAX} folders: import it in parts.")
        mailbox = _below(into, INBOX if path.is_file() else name) if into else _own(name, roles)
        found.append(Maildir(folder, mailbox) if kind == "maildir" else Mbox(folder, mailbox))
    if not found:
        raise Misconfigured(f"{path} is neither an mbox file nor a Maildir, and holds none.")
    return found


def _found(path: Path, format_: Format) -> Iterator[tuple[str, Path, str]]:
    """Kind, path and own name of each folder."""
    if path.is_file():
        if format_ == "maildir" or not (format_ == "mbox" or _is_mbox(path)):
            raise Misconfigured(f"{path} is not an mbox file: it does not begin with a `From ` line.")
        yield "mbox", path, _file_name(path)
        return
    if format_ != "mbox":
        yield from (("maildir", folder, name) for folder, name in _maildirs(path, (), 0))
    if format_ != "maildir":
        yield from (("mbox", file, name) for file, name in _mboxes(path, (), 0))


def _maildirs(path: Path, above: tuple[str, ...], depth: int) -> Iterator[tuple[Path, str]]:
    if is_maildir(path):
        yield path, SEPARATOR.join(above) or INBOX
    for child in _children(path, depth):
        if child.name in ("cur", "new", "tmp"):
            continue
        if child.name.startswith("."):  # Maildir++
            if is_maildir(child):
                yield child, SEPARATOR.join((*above, *map(_decoded, child.name[1:].split("."))))
        else:
            yield from _maildirs(child, (*above, _decoded(child.name)), depth + 1)


def _mboxes(path: Path, above: tuple[str, ...], depth: int) -> Iterator[tuple[Path, str]]:
    if is_maildir(path):
        return
    for child in sorted(path.iterdir()):
        if child.is_file() and not child.is_symlink() and _is_mbox(child):
            # Apple Mail has a directory Name.mbox with a file mbox in it.
            name = (*above, _clean(child.name)) if child.name.lower() != "mbox" or not above else above
            yield child, SEPARATOR.join(name)
    for child in _children(path, depth):
        if not child.name.startswith("."):
            yield from _mboxes(child, (*above, _clean(child.name)), depth + 1)


def _children(path: Path, depth: int) -> list[Path]:
    if depth >= DEPTH_MAX:
        return []
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.is_symlink())


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _file_name(path: Path) -> str:
    """Of a single file: its name, or for Apple Mail's `Name.mbox/mbox` that of its directory."""
    absolute = path.absolute()
    if absolute.name.lower() == "mbox" and absolute.parent.name.lower().endswith(".mbox"):
        return _clean(absolute.parent.name)
    return _clean(path.name)


def _clean(name: str) -> str:
    """A file's name as a level of a mailbox's."""
    for ending in _ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    if name.startswith(LEADING_DOT):
        name = f".{name[len(LEADING_DOT) :]}"
    return _possible(name)


def _decoded(level: str) -> str:
    """A directory's name as a level of a mailbox's: modified UTF-7, or as it is where it is none."""
    try:
        return _possible(".".join(utf7.decode(os.fsencode(part)) for part in level.split(DOT)))
    except ImapError:
        return _possible(level)


def _possible(level: str) -> str:
    return _IMPOSSIBLE.sub("_", level).replace(SEPARATOR, "_") or "_"


def _own(name: str, roles: Mapping[str, str]) -> str:
    """The account's mailbox for a folder of this name."""
    if name.lower() in _INBOXES:
        return INBOX
    if not is_own(name):  # there users see the mailboxes of others
        return f"{IMPORTED}{SEPARATOR}{name}"
    return roles.get(SPECIAL.get(name.lower(), ""), name)


def _below(into: str, name: str) -> str:
    return into if name.lower() in _INBOXES else f"{into}{SEPARATOR}{name}"
