"""Whose change it is: what a task's own commands were answered, for who must not be told of what it did itself
(RFC 5465 5).

The law: a change counts as a task's own only if it surely is. Whoever listens hears of each answer before the one who
asked has it, and after the change was told to who follows the account.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from actors.mailbox.types import Add, Added, Changed, Command, Copy, Create, Delete, Done, Exchange, Rename, Reply

Listener = Callable[[int, Command, Reply], None]

_listener: Final[ContextVar[Listener | None]] = ContextVar("listener", default=None)


def listen(listener: Listener) -> None:
    """Tell it what this task's commands are answered, from now on."""
    _listener.set(listener)


def answered(account: int, command: Command, reply: Reply) -> None:
    """A command of this task was answered."""
    listener = _listener.get()
    if listener is not None:
        listener(account, command, reply)


def entries_of(command: Command, reply: Reply) -> range:
    """The MODSEQs of the entries that a command made, as far as they are known for sure: the last, and of a command
    that adds and removes the two last. None of one that may have changed nothing."""
    if isinstance(reply, Added | Changed):
        count = 0 if not reply.uids else 2 if _is_two(command) else 1
        return range(reply.modseq - count + 1, reply.modseq + 1)
    if isinstance(reply, Done) and isinstance(command, Create | Delete | Rename | Exchange):
        return range(reply.modseq, reply.modseq + 1)
    return range(0)


def _is_two(command: Command) -> bool:
    """Whether it adds something in one entry and removes something in another."""
    if isinstance(command, Copy):
        return command.move
    return isinstance(command, Add) and command.replaces is not None
