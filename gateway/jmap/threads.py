"""Thread (RFC 8621 3).

The law: a thread's emails are those that the client may see, by when they were received.
"""

from gateway.jmap.positions import Position, state
from gateway.jmap.standard import Answer, changed, got, only
from gateway.jmap.turn import Turn
from mail.jmap.errors import MethodError
from mail.jmap.methods import standard


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 8621 3.1."""
    reached = await turn.reach(asked.account_id)
    sight = await turn.sight(reached)
    wanted = turn.wanted(asked)
    if wanted is None:
        numbers = set(sight.table().rows.threads.tolist())
        if len(numbers) > turn.limits.objects_get_max:
            raise MethodError("requestTooLarge", "There are too many threads; name those that are wanted.")
    else:
        numbers = {number for name in wanted if (number := reached.thread_of(name)) is not None}
    found = {}
    for number, emails in sight.threads(numbers).items():
        name = reached.thread_id(number)
        thread = {"id": name, "emailIds": [reached.email_id(email) for email in emails]}
        found[name] = only(thread, asked.properties)
    return got(asked.account_id, state(Position(sight.account.stamp("Thread"))), found, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 8621 3.2."""
    reached = await turn.reach(asked.account_id)
    answer, _ = await changed(turn, reached, asked, "Thread", lambda told: told.threads(), reached.thread_id)
    return answer
