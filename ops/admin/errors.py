"""Trouble as a gRPC status, and back: both directions in one place, so that they agree.

The law: what a person reads at the client is the sentence that the server's own code wrote, cause and cure. The admin
service speaks to operators, so they get the log's text where the fault is not theirs.
"""

from typing import Any, Final, cast

import grpc

from cluster.errors import (
    AlreadyExists,
    Corrupt,
    Fault,
    Misconfigured,
    NotFound,
    OverQuota,
    Refused,
    TooLarge,
    Trouble,
    Unavailable,
)

FAULT: Final = "rookery-fault"  # the trailer that says who has to act
DEFECT: Final = "The server failed at this; its log says more."
RETRY: Final = "rookery-retry"  # "1" where the same call may work later

# The first that fits: subclasses stand before what they are a kind of.
_CODES: Final[tuple[tuple[type[Trouble], grpc.StatusCode], ...]] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (OverQuota, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (Misconfigured, grpc.StatusCode.FAILED_PRECONDITION),
    (TooLarge, grpc.StatusCode.OUT_OF_RANGE),
    (Corrupt, grpc.StatusCode.DATA_LOSS),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
)


class Unclear(Refused):
    """A request that does not say what it must."""

    fault = Fault.PEER


class ServerSaid(Trouble):
    """What a server answered instead of doing what it was asked."""

    def __init__(self, says: str, code: grpc.StatusCode, fault: Fault, *, retry: bool) -> None:
        super().__init__(says)
        self.code = code
        self.who = fault
        self.again = retry


def code_of(trouble: Trouble) -> grpc.StatusCode:
    """The status code of a trouble."""
    if isinstance(trouble, Refused) and trouble.fault is Fault.PEER:
        return grpc.StatusCode.INVALID_ARGUMENT
    return next((code for kind, code in _CODES if isinstance(trouble, kind)), grpc.StatusCode.INTERNAL)


def text_of(trouble: Trouble) -> str:
    """What an operator reads."""
    return trouble.says if trouble.fault is Fault.PEER else trouble.log


def trailers_of(trouble: Trouble) -> tuple[tuple[str, str], ...]:
    """The trailing metadata of a trouble."""
    return ((FAULT, trouble.fault.value), (RETRY, "1" if trouble.retry else "0"))


def from_status(error: grpc.aio.AioRpcError, cure: str = "") -> Trouble:
    """The trouble that a call ended with. `cure`: a sentence for where nothing was answered."""
    trailers: dict[str, Any] = dict(cast("Any", error.trailing_metadata() or ()))  # pairs, say its stubs or not
    fault = trailers.get(FAULT)
    if fault is None and error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return Refused("The server cannot do this: it is not part of a cluster, or older than this command.")
    if fault is None:  # not from our code: the connection, or gRPC itself
        return Unavailable(f"The server has stopped or does not answer ({error.details()}). {cure}".rstrip())
    return ServerSaid(error.details() or "", error.code(), Fault(fault), retry=trailers.get(RETRY) == "1")
