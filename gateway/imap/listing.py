r"""LIST and LSUB over all that a client may see: his own mailboxes, and what others share (RFC 3501 6.3.8, RFC 5258).

The law: at most one LIST response for a name; a name below which something is, but which is no mailbox itself, is
listed as \Noselect (RFC 3501 6.3.8). No more accounts are asked than the patterns can reach, one after the other, and
no more is written at once than a client takes.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from actors.mailbox.names import parents
from actors.mailbox.rights import READ, rights_of
from actors.mailbox.types import SEPARATOR, USES, MailboxInfo, Who
from cluster.errors import NotFound, Trouble
from gateway.imap.access import told_rights
from gateway.imap.parts import Pace, Place
from gateway.imap.places import Grove, each_grove, own_grove
from gateway.imap.session import Ok, Session
from gateway.imap.spaces import OTHERS, SHARED, is_own
from gateway.imap.status import check_items, status_values
from mail.imap import commands, render, responses
from mail.imap.listing import ListReturn, ListSelect, StatusItem
from mail.imap.listmatch import ListMatch
from mail.imap.render import StatusValue

_SPACES: Final = (OTHERS, SHARED)
_BATCH: Final = 100  # mailboxes whose annotations are asked for, and whose responses are written, at once


class Part(NamedTuple):
    """The mailboxes of one account under the names that the client knows."""

    account: int
    who: Who | None
    prefix: str
    boxes: dict[str, MailboxInfo]
    above: set[str]  # the names that have mailboxes below them

    def place(self, name: str) -> Place:
        """Where one of them is."""
        return Place(self.account, name[len(self.prefix) :], self.who, self.prefix)


class Entry(NamedTuple):
    """A name to be listed.

    `info` None: no mailbox has it. `chosen`: it meets the selection options itself. `met_below`: those options that
    RECURSIVEMATCH found met below it.
    """

    name: str
    info: MailboxInfo | None
    has_children: bool
    chosen: bool = True
    met_below: tuple[bytes, ...] = ()


class _Wanted(NamedTuple):
    """What the selection options leave of the names: those that meet them, and those that have one that does below."""

    chosen: set[str]
    above: set[str]

    def names(self) -> set[str]:
        return self.chosen | self.above


async def list_(session: Session, command: commands.List) -> Ok:
    """RFC 3501 6.3.8; RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590."""
    if command.patterns == ("",) and not command.extended:
        session.wire.write(render.list_line(_root(command.reference), ["\\Noselect"]))  # asks for the delimiter only
        return Ok("LIST completed")
    check_items(session, command.status)
    await _Listing(session, command).run()
    return Ok("LIST completed")


async def lsub(session: Session, command: commands.Lsub) -> Ok:
    r"""RFC 3501 6.3.9: subscribed names, and with % the \Noselect level above one that % does not reach."""
    if not command.pattern:
        session.wire.write(render.list_line(_root(command.reference), ["\\Noselect"], kind=b"LSUB"))
        return Ok("LSUB completed")
    own = await own_grove(session)
    subscribed = own.tree.subscriptions
    match, pace = ListMatch(command.reference, (command.pattern,)), Pace(session.services.clock)
    found = set()
    for name in subscribed | (_parents(subscribed) if "%" in command.pattern else set()):
        if match.matches(name):
            found.add(name)
        await pace.breathe()
    exists = {box.name for box in own.tree.mailboxes}
    prefixes = {_prefix(name) for name in found if not is_own(name)}
    if prefixes:
        async for grove in each_grove(session, prefixes.__contains__):
            exists.update(grove.prefix + box.name for box in grove.tree.mailboxes)
    for name in sorted(found):
        attributes = [] if name in subscribed and name in exists else ["\\Noselect"]
        session.wire.write(render.list_line(name, attributes, kind=b"LSUB", utf8=session.utf8))
        if session.wire.clogged:
            await session.wire.drain()
        await pace.breathe()
    return Ok("LSUB completed")


async def line_of(session: Session, where: Place, *, asked: str) -> bytes:
    """The LIST response for one mailbox, said unasked; with the name that was `asked` for where it is another
    (RFC 9051 6.3.2, 6.3.9.7)."""
    tree = await session.services.mail.tree(where.account, where.who)
    below = where.name + SEPARATOR
    name = where.wire(where.name)
    entry = Entry(name, tree.find(where.name), any(box.name.startswith(below) for box in tree.mailboxes))
    attributes = _attributes(entry, where.who, extended=True)
    return render.list_line(name, attributes, old_name=asked if asked != name else None, utf8=session.utf8)


class _Listing:
    """One LIST under way."""

    def __init__(self, session: Session, command: commands.List) -> None:
        self._session = session
        self._command = command
        # RFC 5258 3: an empty pattern matches nothing.
        self._match = ListMatch(command.reference, filter(None, command.patterns))
        self._pace = Pace(session.services.clock)
        self._extended = command.extended or session.rev2
        self._subscribed: frozenset[str] = frozenset()
        self._wanted: _Wanted | None = None  # None: all that there is
        self._left: set[str] = set()  # of the names wanted, those that were not said yet
        self._prefixes: set[str] = set()  # of accounts that wanted names are of
        self._said: set[str] = set()  # the names above all accounts: said once

    async def run(self) -> None:
        """Say all of it."""
        own = await own_grove(self._session)
        part = _part(own)
        self._subscribed = own.tree.subscriptions
        await self._choose(part)
        await self._say(part)
        async for grove in each_grove(self._session, self._reaches):
            await self._say(_part(grove))
        await self._write(None, [self._entry(None, name) for name in sorted(self._left)])

    async def _choose(self, own: Part) -> None:
        """Apply the selection options (RFC 5258 3.1, RFC 6154 5.2). REMOTE adds nothing: all mailboxes are here.

        A special use is the owner's: what others share has none for the client (RFC 6154 2).
        """
        selection = self._command.selection
        if selection <= {ListSelect.REMOTE}:
            return
        chosen = set(self._subscribed if ListSelect.SUBSCRIBED in selection else own.boxes)
        if ListSelect.SPECIAL_USE in selection:
            chosen = {name for name in chosen if (box := own.boxes.get(name)) is not None and box.role in USES}
        matched = await self._matching(chosen)
        above: set[str] = set()
        if ListSelect.RECURSIVEMATCH in selection:
            # RFC 5258 3.5: a name that is not chosen itself is said only for one that is not said below it.
            hidden = _parents(chosen - matched) | (_parents(chosen) & chosen)
            above = await self._matching(hidden)
        self._wanted = _Wanted(matched, above)
        self._left = self._wanted.names()
        self._prefixes = {_prefix(name) for name in self._left if SEPARATOR in name and not is_own(name)}

    async def _matching(self, names: Iterable[str]) -> set[str]:
        matched = set()
        for name in names:
            if self._match.matches(name):
                matched.add(name)
            await self._pace.breathe()  # fifty long patterns over five thousand names take half a minute
        return matched

    def _reaches(self, prefix: str) -> bool:
        """Whether an account may have something to be said."""
        level = prefix[: -len(SEPARATOR)]
        space = level.partition(SEPARATOR)[0]
        if self._wanted is not None:
            return prefix in self._prefixes or space in self._left
        if self._match.reaches(prefix) or self._match.matches(level):
            return True
        return space not in self._said and self._match.matches(space)

    async def _say(self, part: Part) -> None:
        if self._wanted is None:
            names = await self._matching((part.boxes.keys() | part.above) - self._said)
        elif part.who is None:
            names = set(filter(is_own, self._left))
        else:
            names = {name for name in self._left if name in part.above or name.startswith(part.prefix)}
        self._left -= names
        self._said |= names.intersection(_SPACES)
        await self._write(part, [self._entry(part, name) for name in sorted(names)])

    def _entry(self, part: Part | None, name: str) -> Entry:
        info = part.boxes.get(name) if part is not None else None
        has_children = part is not None and name in part.above
        if self._wanted is None:
            return Entry(name, info, has_children)
        options = [
            one.value for one in (ListSelect.SUBSCRIBED, ListSelect.SPECIAL_USE) if one in self._command.selection
        ]
        met_below = tuple(options) if name in self._wanted.above else ()
        return Entry(name, info, has_children, name in self._wanted.chosen, met_below)

    async def _write(self, part: Part | None, entries: list[Entry]) -> None:
        for start in range(0, len(entries), _BATCH):
            batch = entries[start : start + _BATCH]
            notes = await self._annotations(part, batch)
            for entry in batch:
                for line in await self._lines(part, entry, notes.get(entry.name)):
                    self._session.wire.write(line)
                if self._session.wire.clogged:  # the annotations of one mailbox may be a quarter of a megabyte
                    await self._session.wire.drain()
                await self._pace.breathe()
            await self._session.wire.drain()

    async def _annotations(self, part: Part | None, batch: list[Entry]) -> Mapping[str, Mapping[str, bytes]]:
        """Of each mailbox whose annotations may be seen."""
        if part is None or ListReturn.METADATA not in self._command.returns:
            return {}
        names = [part.place(entry.name).name for entry in batch if entry.info is not None and entry.chosen]
        found = await self._session.services.mail.annotations(part.account, names, part.who)
        return {part.prefix + name: dict(entries) for name, entries in found.of}

    async def _lines(self, part: Part | None, entry: Entry, notes: Mapping[str, bytes] | None) -> list[bytes]:
        """The responses for a name: LIST first."""
        returns, utf8 = self._command.returns, self._session.utf8
        who = part.who if part is not None else None
        subscribed = entry.name in self._subscribed and (
            ListReturn.SUBSCRIBED in returns or ListSelect.SUBSCRIBED in self._command.selection
        )
        attributes = _attributes(entry, who, extended=self._extended, subscribed=subscribed)
        lines: list[bytes] = []
        if part is not None and entry.info is not None and entry.chosen:
            if ListReturn.STATUS in returns and "\\Noselect" not in attributes:
                try:
                    values = await self._status(part, entry.name, entry.info)
                except NotFound:  # deleted since, or not to be read any more
                    attributes.insert(0, "\\Noselect")
                else:
                    lines += [render.status_line(entry.name, values, utf8=utf8)] if values else []
            if ListReturn.MYRIGHTS in returns:
                lines.append(responses.my_rights_line(entry.name, told_rights(entry.info.acl, who), utf8=utf8))
            if notes is not None:
                asked = {name: notes.get(name) for name in self._command.metadata}
                lines.append(responses.metadata_line(entry.name, asked, utf8=utf8))
        return [render.list_line(entry.name, attributes, child_info=entry.met_below, utf8=utf8), *lines]

    async def _status(self, part: Part, name: str, info: MailboxInfo) -> Mapping[StatusItem, StatusValue]:
        """Empty where it cannot be found out now (RFC 5819 2)."""
        try:
            return await status_values(self._session, part.place(name), info, self._command.status)
        except NotFound:
            raise
        except Trouble as trouble:
            self._session.log.warning("imap.list_status", trouble=type(trouble).__name__, detail=trouble.log)
            return {}


def _attributes(entry: Entry, who: Who | None, *, extended: bool, subscribed: bool = False) -> list[str]:
    attributes = ["\\HasChildren" if entry.has_children else "\\HasNoChildren"]  # RFC 3348
    if entry.info is None:  # RFC 5258 3: \NonExistent implies \Noselect, which older clients know
        attributes.insert(0, "\\NonExistent" if extended else "\\Noselect")
    elif READ not in rights_of(entry.info.acl, who):
        attributes.insert(0, "\\Noselect")
    elif who is None and entry.info.role in USES:
        attributes.append(USES[entry.info.role])  # RFC 6154 2: may be said unasked
    if subscribed:
        attributes.append("\\Subscribed")
    return attributes


def _part(grove: Grove) -> Part:
    boxes = {grove.prefix + box.name: box for box in grove.tree.mailboxes}
    return Part(grove.account, grove.who, grove.prefix, boxes, _parents(boxes))


def _root(reference: str) -> str:
    """RFC 3501 6.3.8: what the names that a reference begins have before them; RFC 2342 5: the namespace."""
    return "" if is_own(reference) else reference.partition(SEPARATOR)[0] + SEPARATOR


def _prefix(name: str) -> str:
    """The prefix of the account that a name in the namespaces of others is of."""
    space, _, rest = name.partition(SEPARATOR)
    return f"{space}{SEPARATOR}{rest.partition(SEPARATOR)[0]}{SEPARATOR}"


def _parents(of: Iterable[str]) -> set[str]:
    """All levels above these names."""
    above: set[str] = set()
    for name in of:
        for parent in parents(name):
            if parent in above:
                break
            above.add(parent)
    return above
