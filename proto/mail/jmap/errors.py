"""The errors of JMAP, of a request, of one method call and of one object in a /set.

The law: an error has a type that a standard defines, or it cannot be made. A description is for who debugs a client;
of what was sent it holds names of arguments and properties, and no more than a few words else.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal

import orjson

"""The media type of a request-level error (RFC 7807)."""

RequestErrorType = Literal["unknownCapability", "notJSON", "notRequest", "limit"]

LIMITS: Final = frozenset({
    "maxSizeRequest", "maxConcurrentRequests", "maxCallsInRequest", "maxSizeUpload", "maxConcurrentUpload",
})  # fmt: skip

METHOD_ERRORS: Final = frozenset({
    # RFC 8620 3.6.2
    "serverUnavailable", "serverFail", "serverPartialFail", "unknownMethod", "invalidArguments",
    "invalidResultReference", "forbidden", "accountNotFound", "accountNotSupportedByMethod", "accountReadOnly",
    # RFC 8620 5
    "requestTooLarge", "cannotCalculateChanges", "stateMismatch", "fromAccountNotFound",
    "fromAccountNotSupportedByMethod", "anchorNotFound", "unsupportedSort", "unsupportedFilter", "tooManyChanges",
    # RFC 9404 4.3
    "unknownDataType",
})  # fmt: skip

SET_ERRORS: Final = frozenset({
    # RFC 8620 5.3, 5.4
    "forbidden", "overQuota", "tooLarge", "rateLimit", "notFound", "invalidPatch", "willDestroy", "invalidProperties",
    "singleton", "alreadyExists",
    # RFC 8621 2.5, 4.6, 4.8, 6.3, 7.5
    "mailboxHasChild", "mailboxHasEmail", "blobNotFound", "tooManyKeywords", "tooManyMailboxes", "invalidEmail",
    "tooManyRecipients", "noRecipients", "invalidRecipients", "forbiddenMailFrom", "forbiddenFrom", "forbiddenToSend",
    "cannotUnsend",
    # RFC 9007 2.1
    "mdnAlreadySent",
})  # fmt: skip


class RequestError(Exception):
    """A request that is not processed at all (RFC 8620 3.6.1); `status` is the HTTP status."""

    def __init__(self, kind: RequestErrorType, detail: str, *, limit: str | None = None, status: int = 400) -> None:
        super().__init__(detail)
        if limit not in (LIMITS if kind == "limit" else {None}):
            raise ValueError(f"a problem {kind} with limit {limit}")
        self.kind = kind
        self.detail = detail
        self.limit = limit
        self.status = status
        self.request_id: str | None = None
        """Of a request over a WebSocket, where it had an id (RFC 8887 4.3.4)."""

    def problem(self) -> dict[str, Any]:
        """The problem details object (RFC 7807)."""
        problem = {"type": f"urn:ietf:params:jmap:error:{self.kind}", "status": self.status, "detail": self.detail}
        if self.limit is not None:
            problem["limit"] = self.limit
        return problem

    def body(self) -> bytes:
        return orjson.dumps(self.problem())


class _Told(Exception):
    """An error that a client gets as an object; more properties where its type has them."""

    KINDS: ClassVar[frozenset[str]]

    def __init__(self, kind: str, description: str | None = None, **properties: Any) -> None:
        super().__init__(f"{kind}: {description}" if description else kind)
        if kind not in self.KINDS:
            raise ValueError(f"no {type(self).__name__} {kind}")
        self.kind = kind
        self.description = description
        self.properties = properties

    def json(self) -> dict[str, Any]:
        described = {"description": self.description} if self.description else {}
        return {"type": self.kind, **described, **self.properties}


class MethodError(_Told):
    """A method call that is answered by `error`, with `json()` as its arguments (RFC 8620 3.6.2)."""

    KINDS = METHOD_ERRORS


class SetError(_Told):
    """One object that is not created, updated or destroyed; `json()` is the SetError (RFC 8620 5.3)."""

    KINDS = SET_ERRORS


def invalid_arguments(reason: str, *names: str) -> MethodError:
    """invalidArguments with the names of the arguments that are wrong, where it is known which."""
    return MethodError("invalidArguments", reason, **({"arguments": list(names)} if names else {}))


def invalid_properties(problems: Mapping[str, str] | Iterable[str], reason: str | None = None) -> SetError:
    """invalidProperties that lists all of them; what is wrong with each, if told, becomes the description."""
    if isinstance(problems, Mapping):
        reason = "; ".join(f"{name}: {text}" for name, text in problems.items())
    return SetError("invalidProperties", reason, properties=list(problems))
