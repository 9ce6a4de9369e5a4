r"""The account's tree: LIST, LSUB, STATUS, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE.

The law: a name below which something is, but which is no mailbox itself, is listed as \Noselect (RFC 3501 6.3.8).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from actors.mailbox.types import SEPARATOR, MailboxInfo, Tree
from gateway.imap.parts import Pace
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from mail.imap import commands, render
from mail.imap.listing import ListReturn, ListSelect, StatusItem
from mail.imap.listmatch import ListMatch

# RFC 6154 2, RFC 8457 4
_USES: Final = {
    "drafts": "\\Drafts",
    "sent": "\\Sent",
    "junk": "\\Junk",
    "trash": "\\Trash",
    "archive": "\\Archive",
    "all": "\\All",
    "flagged": "\\Flagged",
    "important": "\\Important",
}

_OPTIONS: Final = (ListSelect.SUBSCRIBED, ListSelect.SPECIAL_USE)

# The grammar knows more, for extensions that are not offered.
_RETURNS: Final = frozenset({ListReturn.SUBSCRIBED, ListReturn.CHILDREN, ListReturn.SPECIAL_USE})
_ITEMS: Final = frozenset(
    {StatusItem.MESSAGES, StatusItem.RECENT, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY, StatusItem.UNSEEN}
)


class Entry(NamedTuple):
    """A name that LIST may show; `info` None: no mailbox has it."""

    name: str
    info: MailboxInfo | None
    has_children: bool
    subscribed: bool
    met_below: tuple[bytes, ...] = ()  # the selection options that RECURSIVEMATCH found met below it

    def meets(self, option: ListSelect) -> bool:
        """Whether a selection option chooses this name."""
        if option is ListSelect.SUBSCRIBED:
            return self.subscribed
        return self.info is not None and self.info.role in _USES


async def list_(session: Session, command: commands.List) -> Ok:
    """RFC 3501 6.3.8; RFC 5258 and RFC 6154 5 as far as a client may ask."""
    if command.patterns == ("",) and not command.extended:
        session.wire.write(render.list_line("", ["\\Noselect"]))  # asks for the delimiter only
        return Ok("LIST completed")
    if not command.returns <= _RETURNS:
        raise Bad("This option of RETURN is not offered")
    tree = await session.services.mail.tree(session.account)
    match = ListMatch(command.reference, command.patterns)
    pace = Pace(session.services.clock)
    for entry in _chosen(tree, command.selection):
        if match.matches(entry.name):
            session.wire.write(_listed(entry, command))
            if session.wire.clogged:
                await session.wire.drain()
        await pace.breathe()  # fifty long patterns over five thousand names take half a minute
    return Ok("LIST completed")


async def lsub(session: Session, command: commands.Lsub) -> Ok:
    r"""RFC 3501 6.3.9: subscribed names, and with % the \Noselect level above one that % does not reach."""
    if not command.pattern:
        session.wire.write(render.list_line("", ["\\Noselect"], kind=b"LSUB"))
        return Ok("LSUB completed")
    tree = await session.services.mail.tree(session.account)
    match = ListMatch(command.reference, (command.pattern,))
    pace = Pace(session.services.clock)
    exists = {box.name for box in tree.mailboxes}
    found: dict[str, bool] = {}
    for name in tree.subscriptions | (_parents(tree.subscriptions) if "%" in command.pattern else set()):
        if match.matches(name):
            found[name] = name in tree.subscriptions and name in exists
        await pace.breathe()
    for name in sorted(found):
        session.wire.write(render.list_line(name, [] if found[name] else ["\\Noselect"], kind=b"LSUB"))
        if session.wire.clogged:
            await session.wire.drain()
    return Ok("LSUB completed")


async def status(session: Session, command: commands.Status) -> Ok:
    """RFC 3501 6.3.10."""
    if not _ITEMS.issuperset(command.items):
        raise Bad("This item of STATUS is not offered")
    tree = await session.services.mail.tree(session.account)
    info = tree.find(command.mailbox)
    if info is None:
        raise No("There is no such mailbox", "NONEXISTENT")
    values = {item: getattr(info, item.name.lower()) for item in command.items}
    session.wire.write(render.status_line(command.mailbox, values))
    return Ok("STATUS completed")


async def namespace(session: Session, _command: commands.Namespace) -> Ok:
    """RFC 2342: one's own mailboxes have no prefix; there are no others yet."""
    session.wire.write(render.namespace_line([("", SEPARATOR)]))
    return Ok("NAMESPACE completed")


async def create(session: Session, command: commands.Create) -> Ok:
    """RFC 3501 6.3.3. With a special use no mailbox is made yet (RFC 6154 3)."""
    if command.uses:
        raise No("A special use cannot be given here", "USEATTR")
    await session.services.mail.create(session.account, command.mailbox)
    return Ok("CREATE completed")


async def delete(session: Session, command: commands.Delete) -> Ok:
    """RFC 3501 6.3.4. A client that deletes the mailbox it has selected has none selected then."""
    await session.services.mail.delete(session.account, command.mailbox)
    if session.selection is not None and session.selection.hold.view.gone:
        await session.leave()
    return Ok("DELETE completed")


async def rename(session: Session, command: commands.Rename) -> Ok:
    """RFC 3501 6.3.5."""
    await session.services.mail.rename(session.account, command.source, command.target)
    return Ok("RENAME completed")


async def subscribe(session: Session, command: commands.Subscribe) -> Ok:
    """RFC 3501 6.3.6."""
    await session.services.mail.subscribe(session.account, command.mailbox, on=True)
    return Ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, command: commands.Unsubscribe) -> Ok:
    """RFC 3501 6.3.7."""
    await session.services.mail.subscribe(session.account, command.mailbox, on=False)
    return Ok("UNSUBSCRIBE completed")


def _entries(tree: Tree, *, subscriptions: bool) -> list[Entry]:
    """Every name there is, with those that only stand above others, and if asked those only subscribed to."""
    boxes = {box.name: box for box in tree.mailboxes}
    above = _parents(boxes)
    names = boxes.keys() | above | (tree.subscriptions if subscriptions else set())
    return [Entry(name, boxes.get(name), name in above, name in tree.subscriptions) for name in sorted(names)]


def _parents(of: Iterable[str]) -> set[str]:
    """All levels above these names."""
    above: set[str] = set()
    for name in of:
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            if name in above:
                break
            above.add(name)
    return above


def _chosen(tree: Tree, selection: frozenset[ListSelect]) -> list[Entry]:
    """What the selection options leave (RFC 5258 3.1, RFC 6154 5.2). REMOTE adds nothing: all mailboxes are here."""
    options = [option for option in _OPTIONS if option in selection]
    entries = _entries(tree, subscriptions=ListSelect.SUBSCRIBED in selection)
    chosen = [entry for entry in entries if all(map(entry.meets, options))]
    if ListSelect.RECURSIVEMATCH not in selection:
        return chosen
    above = _parents(entry.name for entry in chosen)
    names = above.union(entry.name for entry in chosen)
    met = tuple(option.value for option in options)
    everything = {entry.name: entry for entry in entries}
    everything |= {name: Entry(name, None, True, False) for name in above if name not in everything}
    return [everything[name]._replace(met_below=met if name in above else ()) for name in sorted(names)]


def _listed(entry: Entry, command: commands.List) -> bytes:
    attributes = ["\\HasChildren" if entry.has_children else "\\HasNoChildren"]  # RFC 3348
    if entry.info is None:  # RFC 5258 3: \NonExistent implies \Noselect, which older clients know
        attributes.insert(0, "\\NonExistent" if command.extended else "\\Noselect")
    elif entry.info.role in _USES:
        attributes.append(_USES[entry.info.role])  # RFC 6154 2: may be said unasked
    if entry.subscribed and (ListReturn.SUBSCRIBED in command.returns or ListSelect.SUBSCRIBED in command.selection):
        attributes.append("\\Subscribed")
    return render.list_line(entry.name, attributes, child_info=entry.met_below)
