"""Push put together from settings: for gateways, whose clients listen and subscribe, and for who pushes to them.

The law: one watcher in a process. Who pushes for an account is the process that has the account's slot of the queue
(ops/docs/decisions/0018).
"""

from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from typing import NamedTuple

from msgspec.structs import replace

from actors.push.client import PushClient
from gateway.https import is_public
from gateway.push.desk import Desk
from gateway.push.poster import HttpsPoster
from gateway.push.pusher import Pusher
from gateway.push.sender import Sender
from gateway.push.watcher import Watcher
from ops.core import Core, while_open
from ops.settings import Settings


class Pushing(NamedTuple):
    """What a gateway of JMAP is given: `watcher` for streams, `desk` for subscriptions."""

    watcher: Watcher
    desk: Desk
    client: PushClient
    pusher: Pusher


def pushing(stack: AsyncExitStack, core: Core, settings: Settings) -> Pushing:
    """For one process, until the stack closes."""
    client = PushClient(core.store, core.clock)
    chosen = settings.push
    poster = HttpsPoster(core.resolver, allowed=(lambda _address: True) if chosen.private_addresses else is_public)
    contact = chosen.contact or f"mailto:postmaster@{settings.hostname}"
    pusher = Pusher(poster, client, core.clock, core.dice, replace(chosen, contact=contact))
    watcher = Watcher(core.mailboxes, core.directory)
    stack.callback(watcher.close)
    while_open(stack, "push watcher", watcher.run())
    desk = Desk(client, pusher, watcher, core.clock)
    stack.push_async_callback(desk.stop)
    return Pushing(watcher, desk, client, pusher)


def sending_pushes(stack: AsyncExitStack, core: Core, parts: Pushing, slots: Callable[[], Collection[int]]) -> Sender:
    """Push to the subscriptions of all accounts in these slots, until the stack closes."""
    sender = Sender(parts.client, core.mailboxes, parts.watcher, parts.pusher, core.clock, slots, core.directory.stands)
    stack.push_async_callback(sender.stop)
    while_open(stack, "push sender", sender.run())
    return sender
