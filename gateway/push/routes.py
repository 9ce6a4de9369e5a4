"""The way to one subscription: when it is pushed to next, and what its service's answers make of that.

The law: one push at a time, and not before its time; what is to be told waits as it is, and becomes newer, not more. A
service that is overrun is asked less often, until it takes things again; one that never does is given up.
"""

from typing import Final

from gateway.push.audience import Listener
from gateway.push.pusher import Outcome
from mail.jmap.subscriptions import Subscription
from mail.webpush import vapid
from mail.webpush.encrypting import PLAIN_BYTES_MAX

PAUSE_S: Final = 1.0  # between two pushes to a subscription: what changes meanwhile is one push
PAUSE_MAX_S: Final = 3600.0  # that a service which says "too many" is asked less often
AGAIN_S: Final = 5.0  # the first time after a failure; then twice as long, and so on
AGAIN_MAX_S: Final = 3600.0
REFUSED_S: Final = 600.0  # a refusal is hardly over in a moment
GIVE_UP_MS: Final = 3 * 86_400_000  # as long as it is refused, or not answered
ROOM_MIN: Final = 400  # of a message: an account with all its types


class Route:
    """One subscription's."""

    def __init__(self, account: int, subscription: Subscription, listener: Listener, mark: str, *, sure: bool) -> None:
        """`mark`: what was pushed to it. `sure`: that is known; else it is what there was when we began."""
        self.account = account
        self.subscription = subscription
        self.listener = listener
        self.mark = mark
        self.sure = sure
        self.origin = vapid.audience(subscription.url)
        self.due_at = 0.0  # not before
        self.scheduled = False  # somebody will begin
        self.busy = False  # a push is under way
        self.again = False  # something came meanwhile
        self.closed = False
        self.room = PLAIN_BYTES_MAX
        self._pause_s = PAUSE_S
        self._again_s = AGAIN_S
        self._failing_since_ms: int | None = None

    def taken(self, mark: str, now: float) -> None:
        """The service took it all."""
        self.mark, self.sure = mark, True
        self._again_s, self._failing_since_ms = AGAIN_S, None
        self.due_at = now + self._pause_s
        self._pause_s = max(PAUSE_S, self._pause_s / 2)

    def failed(self, outcome: Outcome, now: float, now_ms: int) -> bool:
        """It did not; whether there is any sense in trying again, which is not before `due_at`."""
        if outcome.meaning == "gone":
            return False
        if outcome.meaning == "too-large" and self.room > ROOM_MIN:
            self.room = max(self.room // 2, ROOM_MIN)
            return True
        if self._failing_since_ms is None:
            self._failing_since_ms = now_ms
        if outcome.meaning == "slower":  # RFC 8620 7.2: pushes MUST become fewer
            self._pause_s = wait_s = min(self._pause_s * 2, PAUSE_MAX_S)
        else:
            wait_s = self._again_s if outcome.meaning == "again" else max(self._again_s, REFUSED_S)
            self._again_s = min(self._again_s * 2, AGAIN_MAX_S)
        self.due_at = now + max(wait_s, outcome.wait_s or 0.0)
        return now_ms - self._failing_since_ms < GIVE_UP_MS

    def idle_mark(self) -> str:
        """What is known by now where nothing waits to be pushed; empty where something does."""
        if self.busy or self.closed:
            return ""
        if self.listener.take() is not None:
            self.listener.put_back()
            return ""
        return self.listener.mark

    def close(self) -> None:
        """Nothing is pushed to it any more."""
        self.closed = True
        self.listener.close()
