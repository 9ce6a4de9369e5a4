"""What a command does to an account: command in, log entries and effects out. Pure.

The law: nothing here changes the account; a decision is applied only as its entries. A command either gives all
its entries or raises a Trouble that says why. Entries of one decision are committed together.
"""

from collections.abc import Callable
from typing import Any, Final

from actors.mailbox import arranging as boxes
from actors.mailbox import changing as messages
from actors.mailbox import editing
from actors.mailbox import events as ev
from actors.mailbox import objects as things
from actors.mailbox.answers import Remembered
from actors.mailbox.decision import NO_QUOTA, Context, Decision, loose, to_open
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    INBOX,
    Add,
    Added,
    Annotate,
    Command,
    Copy,
    Create,
    Delete,
    Edit,
    Exchange,
    Expunge,
    Look,
    Open,
    Opened,
    Place,
    PutObjects,
    ReadAnnotations,
    ReadTree,
    Rename,
    Reply,
    Role,
    SetAcl,
    SetFlags,
    SetRole,
    Subscribe,
    Tally,
)
from cluster.errors import NotFound

__all__ = ["NO_QUOTA", "Context", "Decision", "decide", "entries_of", "first_events", "indexes_needed"]

# RFC 6154 special-use mailboxes that every account starts with, under the names most clients expect.
FIRST_MAILBOXES: Final[tuple[tuple[str, Role], ...]] = (
    (INBOX, "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Junk", "junk"),
    ("Trash", "trash"),
    ("Archive", "archive"),
)


def decide(account: Account, command: Command, context: Context, idem: bytes = b"") -> Decision:
    """The decision. Raises NotFound, AlreadyExists, Refused, OverQuota.

    A command whose key is known already changes nothing, and is answered as it was.
    """
    if type(command) is Add and command.idem:
        idem = command.idem
    earlier = account.answers.get(idem) if idem else None
    if earlier is not None:
        return Decision(reply=lambda account: _again(account, earlier))
    decision = _DECIDE[type(command)](account, command, context)
    decision.idem = idem
    if idem and not decision.answers and type(command) is not Add:
        decision.answers = [ev.DoneAnswer()] * len(decision.events)
    return decision


def entries_of(decision: Decision, now_ms: int) -> list[ev.Entry]:
    """The log entries to commit, in order."""
    idem, events = decision.idem, decision.events
    if not idem or not decision.answers:
        return [ev.Entry(ev.VERSION, now_ms, idem, made) for made in events]
    answered = zip(events, decision.answers, strict=True)
    return [ev.Entry(ev.VERSION, now_ms, idem, made, answer) for made, answer in answered]


def _again(account: Account, earlier: Added | Remembered) -> Reply:
    """The answer of then. What was recent then is told with the mailbox as it is now."""
    if not isinstance(earlier, Remembered):
        return earlier
    claimed = earlier.answer
    if not isinstance(claimed, ev.ClaimAnswer):
        return earlier.reply
    box = account.mailboxes.get(claimed.mailbox)
    if box is None:
        raise NotFound("The mailbox was deleted.")
    return Opened(box.info(), tuple(account.keywords), claimed.first, claimed.below)


def indexes_needed(account: Account, command: Command) -> list[Mailbox]:
    """The mailboxes whose rows `decide` or the answer will look at."""
    found: list[Mailbox | None] = []
    if isinstance(command, SetFlags | Expunge | Copy):
        found = [account.mailboxes.get(command.mailbox)]
    elif isinstance(command, Add):
        found = [account.mailboxes.get(command.replaces[0])] if command.replaces else []
    elif isinstance(command, Delete | Tally):
        found = [account.named(loose(command.name))]
    elif isinstance(command, Rename) and command.name.upper() == INBOX:
        found = [account.named(INBOX)]
    elif isinstance(command, Open):
        found = [to_open(account, command)]
    elif isinstance(command, Edit):
        found = [*account.mailboxes.values()]
    return [box for box in found if box is not None and box.index is None]


def first_events(context: Context) -> tuple[ev.Event, ...]:
    """The entry an account begins with."""
    validity = boxes.uidvalidity(0, context)
    made = tuple(
        ev.MailboxCreated(number, name, validity + number, role)
        for number, (name, role) in enumerate(FIRST_MAILBOXES, start=1)
    )
    return made + tuple(ev.SubscriptionChanged(name, on=True) for name, _role in FIRST_MAILBOXES)


_DECIDE: Final[dict[type, Callable[[Account, Any, Context], Decision]]] = {
    Add: messages.add,
    SetFlags: messages.set_flags,
    Expunge: messages.expunge,
    Copy: messages.copy,
    Create: boxes.create,
    Delete: boxes.delete,
    Rename: boxes.rename,
    Subscribe: boxes.subscribe,
    ReadTree: boxes.read_tree,
    Open: boxes.open_,
    SetAcl: boxes.set_acl,
    SetRole: boxes.set_role,
    Annotate: boxes.annotate,
    ReadAnnotations: boxes.read_annotations,
    Tally: messages.tally,
    Look: boxes.look,
    Place: editing.place,
    Edit: editing.edit,
    PutObjects: things.put,
    Exchange: boxes.exchange,
}
