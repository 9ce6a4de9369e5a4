"""Troubles over the wire and back."""

import grpc
import pytest

from cluster.errors import (
    AlreadyExists,
    Corrupt,
    Fault,
    Fenced,
    Misconfigured,
    NotFound,
    OverQuota,
    Refused,
    StoreFull,
    TooLarge,
    Trouble,
    Unavailable,
)
from ops.admin.directory import Unclear
from ops.admin.errors import ServerSaid, code_of, from_status, text_of, trailers_of

CODES = [
    (NotFound("x"), grpc.StatusCode.NOT_FOUND),
    (AlreadyExists("x"), grpc.StatusCode.ALREADY_EXISTS),
    (OverQuota("x"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Refused("x"), grpc.StatusCode.FAILED_PRECONDITION),
    (Unclear("x"), grpc.StatusCode.INVALID_ARGUMENT),
    (Misconfigured("x"), grpc.StatusCode.FAILED_PRECONDITION),
    (TooLarge("x"), grpc.StatusCode.OUT_OF_RANGE),
    (Corrupt("x"), grpc.StatusCode.DATA_LOSS),
    (StoreFull("x"), grpc.StatusCode.UNAVAILABLE),
    (Fenced("x"), grpc.StatusCode.UNAVAILABLE),
    (Unavailable("x"), grpc.StatusCode.UNAVAILABLE),
    (Trouble("x"), grpc.StatusCode.INTERNAL),
]


def as_status(trouble: Trouble) -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(*trailers_of(trouble))
    return grpc.aio.AioRpcError(code_of(trouble), grpc.aio.Metadata(), trailers, text_of(trouble), "")


@pytest.mark.parametrize(("trouble", "code"), CODES, ids=lambda value: type(value).__name__)
def test_each_trouble_has_its_code_and_comes_back(trouble: Trouble, code: grpc.StatusCode) -> None:
    assert code_of(trouble) is code
    back = from_status(as_status(trouble))
    assert isinstance(back, ServerSaid)
    assert (back.says, back.code, back.who, back.again) == ("x", code, trouble.fault, trouble.retry)


def test_an_operator_reads_the_log_of_what_is_not_the_callers_fault() -> None:
    assert text_of(Unavailable("Try again.", log="/data/store: no space left")) == "/data/store: no space left"
    assert text_of(NotFound("There is none.", log="secret detail")) == "There is none."


def test_a_lost_connection_is_unavailable() -> None:
    lost = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "connection refused", ""
    )
    back = from_status(lost)
    assert isinstance(back, Unavailable)
    assert back.fault is Fault.US
    assert "connection refused" in back.says


def test_a_server_that_has_no_cluster_says_so() -> None:
    none = grpc.aio.AioRpcError(grpc.StatusCode.UNIMPLEMENTED, grpc.aio.Metadata(), grpc.aio.Metadata(), "Method", "")
    assert "not part of a cluster" in from_status(none).says
