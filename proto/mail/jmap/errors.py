"""The errors of JMAP, of a request, of one method call and of one object in a /set.

The law: an error has a type that a standard defines, or it cannot be made. A description is for who debugs a client;
it never holds what was sent, but for the names of arguments and properties.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import orjson

PROBLEM_TYPE: Final = "application/problem+json"
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
        if (kind == "limit") != (limit is not None):
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


class MethodError(Exception):
    """A method call that is answered by `error`; more properties where the type has them."""

    def __init__(self, kind: str, description: str | None = None, **properties: Any) -> None:
        super().__init__(f"{kind}: {description}" if description else kind)
        if kind not in METHOD_ERRORS:
            raise ValueError(f"no method error {kind}")
        self.kind = kind
        self.description = description
        self.properties = properties

    def json(self) -> dict[str, Any]:
        """The arguments of the `error` response."""
        described = {"description": self.description} if self.description else {}
        return {"type": self.kind, **described, **self.properties}


class SetError(Exception):
    """One object that is not created, updated or destroyed; more properties where the type has them."""

    def __init__(self, kind: str, description: str | None = None, **properties: Any) -> None:
        super().__init__(f"{kind}: {description}" if description else kind)
        if kind not in SET_ERRORS:
            raise ValueError(f"no set error {kind}")
        self.kind = kind
        self.description = description
        self.properties = properties

    def json(self) -> dict[str, Any]:
        """The SetError object."""
        described = {"description": self.description} if self.description else {}
        return {"type": self.kind, **described, **self.properties}


def invalid_arguments(reason: str, *names: str) -> MethodError:
    """invalidArguments with the names of the arguments that are wrong, where it is known which."""
    return MethodError("invalidArguments", reason, **({"arguments": list(names)} if names else {}))


def invalid_properties(problems: Mapping[str, str] | Iterable[str], reason: str | None = None) -> SetError:
    """invalidProperties that lists all of them; what is wrong with each, if told, becomes the description."""
    if isinstance(problems, Mapping):
        reason = "; ".join(f"{name}: {text}" for name, text in problems.items())
    return SetError("invalidProperties", reason, properties=list(problems))
