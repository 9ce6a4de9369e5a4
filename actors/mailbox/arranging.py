"""What a command about mailboxes does: a part of decide.py. Pure.

The law: as decide.py has it.
"""

from typing import Final

import numpy as np

from actors.mailbox import annotating, leaving, names, properties, rights
from actors.mailbox import events as ev
from actors.mailbox.changing import remove_rows, transfer
from actors.mailbox.decision import Context, Decision, chunks, loaded, loose, named, to_open
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    COPY_MAX,
    INBOX,
    MAILBOXES_MAX,
    Acl,
    Annotate,
    Create,
    Delete,
    Done,
    Exchange,
    Look,
    Looked,
    Open,
    Opened,
    ReadAnnotations,
    ReadTree,
    Rename,
    SetAcl,
    SetRole,
    Subscribe,
    Tree,
    Who,
)
from cluster.errors import AlreadyExists, NoRight, NotFound, OverLimit, Refused, Unsuitable

SUBSCRIPTIONS_MAX: Final = 2 * MAILBOXES_MAX


def create(account: Account, command: Create, context: Context) -> Decision:
    name = names.normal(command.name)
    acl = _acl_above(account, name, command.who)
    if name in account.by_name:
        raise AlreadyExists("A mailbox of that name exists.")
    if len(account.mailboxes) >= MAILBOXES_MAX:
        raise OverLimit(f"An account may have {MAILBOXES_MAX} mailboxes.")
    if command.role and command.who is not None:
        raise Unsuitable("Only its owner gives a mailbox a special use.")
    if command.role and any(box.role == command.role for box in account.mailboxes.values()):
        raise Unsuitable("Another mailbox has that special use.")
    properties.check_room(account, (), acl)
    validity = uidvalidity(account.last_uidvalidity, context)
    number = account.next_mailbox
    made = ev.MailboxCreated(number, name, validity, command.role, acl)
    return Decision([(made,)], reply=lambda account: Done(account.modseq, number))


def _acl_above(account: Account, name: str, who: Who | None) -> Acl:
    """What a new mailbox has of the nearest one above it (RFC 4314 4: and that is who allows it)."""
    above = next((box for parent in names.parents(name) if (box := account.named(parent)) is not None), None)
    if above is None:
        rights.need((), who, rights.MAKE)
        return ()
    rights.need(above.acl, who, rights.MAKE)
    return above.acl


def uidvalidity(last: int, context: Context) -> int:
    """RFC 3501 2.3.1.1: ever larger for a name that is made again; seconds since 1970 fit 32 bits until 2106."""
    return max(last + 1, context.now_ms // 1000)


def delete(account: Account, command: Delete, _context: Context) -> Decision:
    name = loose(command.name)
    box = account.named(name)
    if box is None:
        if any(names.is_below(other, name) and _known(account, other, command.who) for other in account.by_name):
            raise Refused("This name only has mailboxes below it; delete those.")  # RFC 3501 6.3.4
        raise NotFound("There is no mailbox of that name.")
    rights.need(box.acl, command.who, rights.REMOVE)
    if name == INBOX:
        raise Refused("INBOX cannot be deleted.")
    _, index = loaded(account, box.id)
    grants = properties.grants(account, box, ())
    decision = Decision(cleared=[box.id], grants=grants)
    left = b""
    if index.count <= COPY_MAX:  # of a larger one the log would be too much for one transaction
        rows = np.arange(index.count)
        remove_rows(decision, box, index, rows[: -ev.ROWS_PER_EVENT_MAX])
        left = leaving.encode(index, rows[-ev.ROWS_PER_EVENT_MAX :])
    decision.events.append((ev.MailboxDeleted(box.id, left, box.name),))
    if index.count:
        decision.dropped.append(index.emails.copy())
    return decision


def _known(account: Account, name: str, who: Who | None) -> bool:
    """Whether somebody may know that there is a mailbox of this name."""
    return rights.LOOKUP in rights.rights_of(account.mailboxes[account.by_name[name]].acl, who)


def rename(account: Account, command: Rename, context: Context) -> Decision:
    name, to = loose(command.name), names.normal(command.to)
    below = [other for other in account.by_name if names.is_below(other, name)] if name != INBOX else []
    if command.who is not None:
        _may_rename(account, name, below, command.who)
        _acl_above(account, to, command.who)
    if to in account.by_name:
        raise AlreadyExists("A mailbox of that name exists.")
    if name == INBOX:
        return _rename_inbox(account, to, context)
    if name not in account.by_name and not below:
        raise NotFound("There is no mailbox of that name.")
    if names.is_below(to, name):
        raise Refused("A mailbox cannot be moved below itself.")
    moved = [other for other in (name, *below) if other in account.by_name]
    renamed = {old: names.normal(to + old[len(name) :]) for old in moved}
    if not set(renamed.values()).isdisjoint(account.by_name):
        raise AlreadyExists("A mailbox of that name exists.")
    events = [ev.MailboxRenamed(account.by_name[old], new) for old, new in renamed.items()]
    return Decision([tuple(some) for some in chunks(events, ev.NAMES_PER_EVENT_MAX)])


def exchange(account: Account, command: Exchange, _context: Context) -> Decision:
    """One entry: nobody sees two of them by one name, or one by none of theirs."""
    circle = [named(account, name).name for name in command.circle]
    if len(circle) < 2 or len(set(circle)) < len(circle) or INBOX in circle:
        raise Refused("Only two and more mailboxes that are not INBOX, each once, change names.")
    to = dict(zip(circle, [*circle[1:], *circle[:1]], strict=True))
    if command.who is not None:
        for name in circle:
            below = [other for other in account.by_name if names.is_below(other, name)]
            _may_rename(account, name, below, command.who)
            _acl_above(account, to[name], command.who)
    renamed: dict[str, str] = {}
    for old in account.by_name:
        above = next((name for name in (old, *names.parents(old)) if name in to), None)
        if above is not None:
            renamed[old] = names.normal(to[above] + old[len(above) :])
    taken = set(renamed.values())
    if len(taken) < len(renamed) or not taken.isdisjoint(account.by_name.keys() - renamed.keys()):
        raise AlreadyExists("A mailbox of that name exists.")
    moved = [ev.MailboxRenamed(account.by_name[old], new) for old, new in renamed.items()]
    off = account.subscriptions & renamed.keys() if command.who is None else set[str]()
    on = {renamed[old] for old in off}
    wishes = [ev.SubscriptionChanged(name, name in on) for name in sorted(off ^ on)]
    if len(moved) + len(wishes) > ev.NAMES_PER_EVENT_MAX:
        raise OverLimit(f"There are {ev.NAMES_PER_EVENT_MAX} mailboxes at most that can be moved so at once.")
    return Decision([(*moved, *wishes)])


def _may_rename(account: Account, name: str, below: list[str], who: Who) -> None:
    """RFC 4314 4; and what is below, also where he does not know of it, goes the same way."""
    moves = rights.READ + rights.DELETE + rights.EXPUNGE if name == INBOX else ""  # its messages go, and it stays
    rights.need(box.acl if (box := account.named(name)) else (), who, rights.REMOVE + moves)
    for other in below:
        if rights.REMOVE not in rights.rights_of(account.mailboxes[account.by_name[other]].acl, who):
            raise NoRight("You do not have the right to rename what is below this mailbox.")


def _rename_inbox(account: Account, to: str, context: Context) -> Decision:
    """RFC 3501 6.3.5: the messages move to the new name, INBOX stays and is empty, names below it are not touched."""
    (made,) = create(account, Create(to), context).events[0]
    assert isinstance(made, ev.MailboxCreated)
    inbox, index = loaded(account, account.by_name[INBOX])
    target = Mailbox(made.mailbox, made.name, "", made.uidvalidity)
    decision = transfer(account, inbox, index, np.arange(index.count), target, context, move=True)
    decision.events.insert(0, (made, *annotating.copied(account, inbox.id, made.mailbox)))
    decision.answers = []
    decision.reply = lambda account: Done(account.modseq, made.mailbox)
    return decision


def subscribe(account: Account, command: Subscribe, _context: Context) -> Decision:
    name = names.normal(command.name) if command.on else loose(command.name)
    if (name in account.subscriptions) == command.on:
        return Decision()
    if command.on and len(account.subscriptions) >= SUBSCRIPTIONS_MAX:
        raise OverLimit(f"An account may have {SUBSCRIPTIONS_MAX} subscriptions.")
    return Decision([(ev.SubscriptionChanged(name, command.on),)])


def read_tree(_account: Account, command: ReadTree, _context: Context) -> Decision:
    who = command.who
    if who is None:
        return Decision(reply=lambda account: account.tree())
    return Decision(reply=lambda account: _of_another(account, who))


def _of_another(account: Account, who: Who) -> Tree:
    """What is there for somebody else: no subscriptions, and no more of the use of the whole than the quota needs."""
    tree = account.tree(lambda box: rights.LOOKUP in rights.rights_of(box.acl, who))
    return Tree(tree.mailboxes, frozenset(), tree.keywords, tree.used_bytes, tree.used_messages, tree.modseq)


def set_acl(account: Account, command: SetAcl, _context: Context) -> Decision:
    box = named(account, command.name)
    rights.need(box.acl, command.who, rights.ADMINISTER)
    events, acl = properties.acl_events(account, box, command)
    return Decision([events] if events else [], grants=properties.grants(account, box, acl))


def set_role(account: Account, command: SetRole, _context: Context) -> Decision:
    box = named(account, command.name)
    if command.who is not None:
        rights.need(box.acl, command.who, rights.LOOKUP)
        raise NoRight("Only its owner gives a mailbox a special use.")
    events = properties.role_events(account, box, command)
    return Decision([events] if events else [])


def annotate(account: Account, command: Annotate, _context: Context) -> Decision:
    if command.name:
        events = annotating.of_mailbox(account, named(account, command.name), command)
    else:
        events = annotating.of_account(account, command)
    return Decision([events] if events else [])


def read_annotations(_account: Account, command: ReadAnnotations, _context: Context) -> Decision:
    return Decision(reply=lambda account: annotating.annotations(account, command))


def look(account: Account, command: Look, _context: Context) -> Decision:
    box = named(account, command.name)
    rights.need_any(box.acl, command.who, rights.KNOW)
    number = box.id
    return Decision(
        reply=lambda account: Looked(account.mailboxes[number].info(), account.used_bytes, account.used_messages)
    )


def open_(account: Account, command: Open, _context: Context) -> Decision:
    box = to_open(account, command)
    if box is None:
        raise NotFound("There is no mailbox of that name.")
    rights.need(box.acl, command.who, rights.READ)
    first, below, number = box.recent_below, box.uidnext, box.id
    claims = command.claim and first < below
    return Decision(
        [(ev.RecentClaimed(number, below),)] if claims else [],
        answers=[ev.ClaimAnswer(number, first, below)] if claims else [],
        reply=lambda account: Opened(account.mailboxes[number].info(), tuple(account.keywords), first, below),
    )
