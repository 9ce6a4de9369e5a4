"""The calls of a request, one after the other (RFC 8620 3.3).

The law: each call is answered, whatever goes wrong in it, and no call hinders the next; a defect of ours costs one
call. References are resolved against what was answered before, in plain values.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson

from cluster.errors import Corrupt, NoRight, NotFound, OverLimit, OverQuota, Refused, Stale, Trouble, Unavailable
from gateway.jmap import (
    blob_calls,
    emails,
    emails_query,
    emails_set,
    identities,
    mailboxes,
    mailboxes_query,
    mailboxes_set,
    mdns,
    principals,
    quotas,
    share_notices,
    snippets,
    submissions,
    submissions_set,
    subscriptions,
    threads,
    vacation,
)
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Turn
from mail.jmap import references
from mail.jmap.errors import MethodError
from mail.jmap.methods.standard import OfAccount, Set
from mail.jmap.methods.table import ECHO, METHODS, find
from mail.jmap.request import Call, Request

_SHARED: Final = frozenset({"Mailbox", "Email", "Blob"})  # kinds of which another's account may have any
_LOOKS_ITSELF: Final = "Mailbox/set"  # whether it is refused: what somebody wishes to see is for everybody to say
Handler = Callable[[Turn, Any], Awaitable[Answer]]
Response = tuple[str, Any, str]

HANDLERS: Final[dict[str, Handler]] = {
    "Blob/copy": blob_calls.copy,
    "Blob/upload": blob_calls.upload,
    "Blob/get": blob_calls.get,
    "Blob/lookup": blob_calls.lookup,
    "PushSubscription/get": subscriptions.get,
    "PushSubscription/set": subscriptions.set_,
    "Thread/get": threads.get,
    "Thread/changes": threads.changes,
    "Email/get": emails.get,
    "Email/changes": emails.changes,
    "Email/query": emails_query.query,
    "Email/queryChanges": emails_query.query_changes,
    "SearchSnippet/get": snippets.get,
    "Email/set": emails_set.set_,
    "Email/copy": emails_set.copy,
    "Email/import": emails_set.import_,
    "Email/parse": emails_set.parse,
    "Mailbox/get": mailboxes.get,
    "Mailbox/changes": mailboxes.changes,
    "Mailbox/set": mailboxes_set.set_,
    "Mailbox/query": mailboxes_query.query,
    "Mailbox/queryChanges": mailboxes_query.query_changes,
    "Identity/get": identities.get,
    "Identity/changes": identities.changes,
    "Identity/set": identities.set_,
    "VacationResponse/get": vacation.get,
    "VacationResponse/set": vacation.set_,
    "EmailSubmission/get": submissions.get,
    "EmailSubmission/changes": submissions.changes,
    "EmailSubmission/set": submissions_set.set_,
    "EmailSubmission/query": submissions.query,
    "EmailSubmission/queryChanges": submissions.query_changes,
    "MDN/send": mdns.send,
    "MDN/parse": mdns.parse_,
    "Principal/get": principals.get,
    "Principal/changes": principals.changes,
    "Principal/set": principals.set_,
    "Principal/query": principals.query,
    "Principal/queryChanges": principals.query_changes,
    "ShareNotification/get": share_notices.get,
    "ShareNotification/changes": share_notices.changes,
    "ShareNotification/set": share_notices.set_,
    "ShareNotification/query": share_notices.query,
    "ShareNotification/queryChanges": share_notices.query_changes,
    "Quota/get": quotas.get,
    "Quota/changes": quotas.changes,
    "Quota/query": quotas.query,
    "Quota/queryChanges": quotas.query_changes,
}


class Calls:
    """The calls of a request that are still to be carried out; of what was answered, what they refer to."""

    def __init__(self, turn: Turn, request: Request) -> None:
        self._turn = turn
        self._left = deque(request.calls)
        self._wanted = _referred(request)
        self._answered: list[Response] = []
        self._budget = references.Budget(turn.limits)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._left)

    async def next(self) -> list[Response]:
        """The responses to the next: its own, and those to calls that it made by itself."""
        turn, call = self._turn, self._left.popleft()
        name, outcome = call.name, "ok"
        try:
            answer = await _one(turn, call, self._answered, self._budget)
        except MethodError as error:
            name, answer, outcome = "error", error.json(), error.kind
        turn.services.metrics.calls.labels(call.name if call.name in METHODS else "", outcome).inc()
        if call.id in self._wanted:  # in what was rendered already nothing can be pointed at
            answer = orjson.loads(orjson.dumps(answer))
        responses = [(name, answer, call.id), *[(other, made, call.id) for other, made in turn.also]]
        turn.also.clear()
        if call.id in self._wanted:
            self._answered += responses
        return responses


async def carry_out(turn: Turn, request: Request) -> list[Response]:
    """The responses to all calls, in order."""
    calls, responses = Calls(turn, request), list[Response]()
    while calls:
        responses += await calls.next()
    return responses


async def _one(turn: Turn, call: Call, responses: list[Response], budget: references.Budget) -> Answer:
    try:
        method = find(call.name, turn.using)
        arguments = references.resolve(call.arguments, responses, budget)
        if call.name == ECHO:
            return dict(arguments)
        asked = method.read(arguments, turn.using, turn.limits)
        handler = _handler(call.name)
        looked = method.writes and method.kind in _SHARED and call.name != _LOOKS_ITSELF
        if looked and isinstance(asked, Set | OfAccount):
            await turn.check_writable(asked.account_id)
        return await handler(turn, asked)
    except Trouble as trouble:
        turn.services.log.warning("jmap.trouble", method=call.name, why=trouble.log)
        raise method_error(trouble) from trouble
    except (MethodError, asyncio.CancelledError):
        raise
    except Exception as error:
        turn.services.log.warning("jmap.defect", method=call.name, error=repr(error), exc_info=error)
        raise MethodError("serverFail", "This is a defect of the server; it has been noted.") from error


def _handler(name: str) -> Handler:
    handler = HANDLERS.get(name)
    if handler is None:
        raise MethodError("unknownMethod")
    return handler


def method_error(trouble: Trouble) -> MethodError:
    """What a client is told of a trouble that ends a call."""
    for kind, name in _ERRORS.items():
        if isinstance(trouble, kind):
            return MethodError(name, trouble.says)
    return MethodError("serverFail", trouble.says)


_ERRORS: Final[Mapping[type[Trouble], str]] = {
    Unavailable: "serverUnavailable",
    Stale: "stateMismatch",
    NoRight: "forbidden",
    OverLimit: "requestTooLarge",
    OverQuota: "forbidden",
    Refused: "forbidden",
    NotFound: "invalidArguments",
    Corrupt: "serverFail",
}


def _referred(request: Request) -> set[str]:
    """The calls whose answers others refer to."""
    return {
        of
        for call in request.calls
        for name, value in call.arguments.items()
        if name.startswith("#") and isinstance(value, dict) and isinstance(of := value.get("resultOf"), str)
    }
