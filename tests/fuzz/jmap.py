"""Fuzz the JMAP request decoder and all behind it: `python -m tests.fuzz.jmap [-max_total_time=60]`.

Promise: whatever the octets, only errors of the standards leave; what was taken is written and read as the same; and
it goes no way that a stricter reader of JSON would not go. It starts from one of each case of the unit tests.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mail.jmap import capabilities
from mail.jmap.creation import CreationIds
from mail.jmap.errors import MethodError, RequestError, SetError
from mail.jmap.filters import leaves, read_filter
from mail.jmap.limits import Limits
from mail.jmap.methods.special import EmailImport, MdnSend
from mail.jmap.methods.standard import Arguments, Changed, Filtered
from mail.jmap.methods.table import find
from mail.jmap.objects.email import read_import, read_update
from mail.jmap.objects.kinds import Kind
from mail.jmap.objects.mailbox import IDENTITY, MAILBOX, PRINCIPAL, VACATION_RESPONSE
from mail.jmap.objects.push import PUSH_SUBSCRIPTION
from mail.jmap.objects.submission import EMAIL_SUBMISSION, MDN
from mail.jmap.references import Budget, resolve
from mail.jmap.request import Call, decode, encode
from mail.jmap.sorting import read_sort
from mail.jmap.websocket import encode_error, read_message

CASES = Path(__file__).parent.parent / "unit" / "mail" / "jmap" / "cases"
ALL = frozenset(uri for uri in vars(capabilities).values() if isinstance(uri, str) and uri.startswith("urn:"))
KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (MAILBOX, IDENTITY, VACATION_RESPONSE, PRINCIPAL, EMAIL_SUBMISSION, PUSH_SUBSCRIPTION)
}
LIMITS = Limits(size_request_max_bytes=4_000, values_max=200, calls_max=5, filter_depth_max=4, filter_nodes_max=10)
Response = tuple[str, dict[str, Any], str]


def one_input(data: bytes) -> None:
    """A body, or a text message; as a request it is gone through as the gateway does."""
    try:
        read_message(data, LIMITS, ALL)
    except RequestError as problem:
        encode_error(problem)
    try:
        request = decode(data, LIMITS, ALL)
    except RequestError as problem:
        problem.body()
        return
    _strict(data)
    responses: list[Response] = []
    created = CreationIds(request.created_ids, LIMITS)
    for call in request.calls:
        try:
            responses.append((call.name, _done(call, responses, created), call.id))
        except (MethodError, SetError) as problem:
            responses.append(("error", problem.json(), call.id))
    encode(responses, "s", created.json())
    again = [list(call) for call in request.calls]
    written = json.dumps({"using": sorted(request.using), "methodCalls": again}).encode()
    if len(written) <= LIMITS.size_request_max_bytes and decode(written, LIMITS, ALL).calls != request.calls:
        raise AssertionError(f"{request.calls} is not what was written")


def _done(call: Call, responses: list[Response], created: CreationIds) -> dict[str, Any]:
    """The arguments of a call with all that can be known of them without an account."""
    arguments = resolve(call.arguments, responses, Budget(LIMITS))
    method = find(call.name, ALL)
    read = method.read(arguments, ALL, LIMITS)
    _objects(method.kind, read, created)
    if isinstance(read, Filtered):
        leaves(read_filter(method.kind, read.filter, LIMITS))
        read_sort(method.kind, read.sort, (), LIMITS)
    return arguments


def _objects(name: str, read: Arguments, created: CreationIds) -> None:
    """Each object of a call on its own, as one that is refused says nothing of the others."""
    given = (read.create if isinstance(read, Changed) else getattr(read, "emails", getattr(read, "send", None))) or {}
    kind = KINDS.get(name, MDN if isinstance(read, MdnSend) else None)
    for one in given.values():
        with contextlib.suppress(SetError):
            if isinstance(read, EmailImport):
                read_import(one, created, LIMITS)
            elif kind is not None:
                made = kind.create(one, created, LIMITS)
                if kind.update(made, made, created, LIMITS) != {}:
                    raise AssertionError(f"{made} is changed by itself")
    for patch in (read.update or {}).values() if isinstance(read, Changed) else ():
        with contextlib.suppress(SetError):
            if name == "Email":
                read_update(patch, created, LIMITS)
            elif kind is not None:
                kind.update({"id": "X1"}, patch, created, LIMITS)


def _strict(data: bytes) -> None:
    """Python's own reader takes it too, and sees no member twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise AssertionError("a member is there twice")
        return dict(pairs)

    json.loads(data.decode(), object_pairs_hook=unique)


def seeds() -> list[bytes]:
    """Requests made of the cases of the unit tests."""
    found = []
    for path in sorted(CASES.glob("*.txt")):
        for line in path.read_text().splitlines():
            mark, _, rest = line.partition(": ")
            if mark in ("body", "message"):
                found.append(rest.encode())
            elif mark == "call":
                name, _, arguments = rest.partition(" ")
                found.append(_request(name, arguments))
            elif mark == "create":
                found += [_request(f"{kind}/set", f'{{"accountId":"A1","create":{{"k1":{rest}}}}}') for kind in KINDS]
            elif mark in ("filter", "sort"):
                found.append(_request("Email/query", f'{{"accountId":"A1","{mark}":{rest}}}'))
            elif mark == "update":
                found.append(_request("Email/set", f'{{"accountId":"A1","update":{{"E1":{rest}}}}}'))
            elif mark == "arguments":
                found.append(_request("Core/echo", rest))
    return found


def _request(name: str, arguments: str) -> bytes:
    first = '["Core/echo",{"list":[{"id":"a"},{"id":["b"]}]},"t"]'
    return f'{{"using":[],"methodCalls":[{first},["{name}",{arguments},"c"]],"createdIds":{{"k1":"X1"}}}}'.encode()


if __name__ == "__main__":
    import atheris

    with tempfile.TemporaryDirectory(prefix="fuzz-jmap-") as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.instrument_all()
        atheris.Setup([*sys.argv, corpus], one_input)
        atheris.Fuzz()
