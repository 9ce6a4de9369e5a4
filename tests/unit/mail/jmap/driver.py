"""A reader of case files, and what each kind of file tries.

A case is a block of lines `name: value`, the first its title; blocks are parted by empty lines, `#` begins a comment.
The last line, `is:` (or `has:` for a part of an object), is JSON: what must come of it. An error comes as
{"error": {...}} or {"problem": {...}} without the description that is for people. `limits:` sets any of Limits.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import orjson

from mail.jmap import capabilities, dates, filters, patch, push, references, request, sorting, websocket, words
from mail.jmap.creation import CreationIds
from mail.jmap.errors import MethodError, RequestError, SetError
from mail.jmap.limits import Limits
from mail.jmap.methods.table import find
from mail.jmap.objects import blob, email, mailbox, submission
from mail.jmap.objects.kinds import Kind, added
from mail.jmap.objects.push import PUSH_SUBSCRIPTION

FOLDER = Path(__file__).parent / "cases"
URIS = {name: uri for name, uri in vars(capabilities).items() if isinstance(uri, str) and uri.startswith("urn:")}
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        mailbox.MAILBOX,
        mailbox.IDENTITY,
        mailbox.VACATION_RESPONSE,
        mailbox.PRINCIPAL,
        submission.EMAIL_SUBMISSION,
        submission.MDN,
        PUSH_SUBSCRIPTION,
    )
}
Case = dict[str, str]


def cases(name: str) -> Iterator[tuple[str, Case]]:
    """The cases of a file with their titles."""
    for block in (FOLDER / name).read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        pairs = [line.partition(":") for line in lines]
        if pairs:
            yield pairs[0][2].strip(), {mark: rest.strip() for mark, _, rest in pairs}


def result(runner: str, case: Case) -> Any:
    """What comes of a case, as JSON."""
    try:
        return plain(RUNNERS[runner](case))
    except (MethodError, SetError) as problem:
        told = problem.json()
        told.pop("description", None)
        return {"error": told}
    except RequestError as problem:
        told = problem.problem()
        told.pop("detail")
        told["type"] = told["type"].rpartition(":")[2]
        return {"problem": told}
    except ValueError as problem:
        return {"wrong": str(problem)}


def refusal(attempt: Callable[[], object]) -> MethodError | RequestError | SetError | None:
    """The error that an attempt ends in; None: it does not. Nothing else may leave."""
    try:
        attempt()
    except (MethodError, RequestError, SetError) as problem:
        return problem
    return None


def plain(value: Any) -> Any:
    """A value as JSON: sets in order, structs without what is unset."""
    if isinstance(value, frozenset):
        return sorted(map(plain, value))
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, msgspec.Struct):
        pairs = [(field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(type(value))]
        return {name: plain(one) for name, one in pairs if one is not msgspec.UNSET}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value


def _limits(case: Case) -> Limits:
    given = (pair.split("=") for pair in case.get("limits", "").split())
    return replace(Limits(), **{name: int(value) for name, value in given})


def _json(case: Case, name: str, default: Any = None) -> Any:
    return json.loads(case[name]) if name in case else default


def _created(case: Case) -> CreationIds:
    return CreationIds(_json(case, "created", {}), _limits(case))


def _octets(case: Case, name: str) -> bytes:
    """Text as it stands, or with Python's escapes where the name ends in `_octets`."""
    if name in case:
        return case[name].encode()
    octets = codecs.escape_decode(case[f"{name}_octets"].encode())[0]
    assert isinstance(octets, bytes)
    return octets * int(case.get("times", "1"))


def _request(case: Case) -> Any:
    read = request.decode(_octets(case, "body"), _limits(case), URIS.values())
    return {"using": read.using, "calls": read.calls, "createdIds": read.created_ids}


def _reference(case: Case) -> Any:
    limits = _limits(case)
    return references.resolve(_json(case, "arguments"), _json(case, "responses", []), references.Budget(limits))


def _method(case: Case) -> Any:
    name, _, arguments = case["call"].partition(" ")
    using = frozenset(URIS[word] for word in case.get("using", "CORE MAIL").split())
    return find(name, using).read(json.loads(arguments), using, _limits(case))


def _filter(case: Case) -> Any:
    filtered = _json(case, "filter")
    for _ in range(int(case.get("deep", "0"))):
        filtered = {"operator": "NOT", "conditions": [filtered]}
    return filters.read_filter(case.get("of", "Email"), filtered, _limits(case))


def _sort(case: Case) -> Any:
    collations = {"i;ascii-casemap", "i;unicode-casemap"}
    return sorting.read_sort(case.get("of", "Email"), _json(case, "sort"), collations, _limits(case))


def _patch(case: Case) -> Any:
    target = _json(case, "target")
    before = orjson.dumps(target)
    patched = patch.apply(patch.paths(_json(case, "patch"), _limits(case)), target, _json(case, "defaults", {}))
    assert orjson.dumps(target) == before, "what was patched has changed"
    return patched


def _create(case: Case) -> Any:
    given = _json(case, "create")
    if case["of"] == "MDN":
        given = submission.mdn_as_given(given)
    return KINDS[case["of"]].create(given, _created(case), _limits(case))


def _object(case: Case) -> Any:
    if "create" in case:
        made = _create(case)
        return added(_json(case, "create"), made) if "told" in case else made
    current, changes = _json(case, "current"), _json(case, "update")
    return KINDS[case["of"]].update(current, changes, _created(case), _limits(case))


def _email(case: Case) -> Any:
    limits, created = _limits(case), _created(case)
    if "update" in case:
        update = email.read_update(_json(case, "update"), created, limits)
        return {
            "mailboxes": update.mailboxes._asdict(),
            "keywords": update.keywords._asdict(),
            "rest": update.rest,
        }
    read = email.read_import if "import" in case else email.read_copy
    return read(_json(case, "import" if "import" in case else "copy"), created, limits)._asdict()


def _blob(case: Case) -> Any:
    if "upload" in case:
        return blob.read_upload(_json(case, "upload"), _created(case), _limits(case))
    properties = case["properties"].split()
    blob.check_digests(properties)
    return blob.described("B1", _octets(case, "body"), properties, _json(case, "offset"), _json(case, "length"))


def _socket(case: Case) -> Any:
    try:
        message = websocket.read_message(_octets(case, "message"), _limits(case), URIS.values())
    except RequestError as problem:
        answered = json.loads(websocket.encode_error(problem))
        answered.pop("detail")
        return answered
    return {type(message).__name__: message}


def _event_source(case: Case) -> Any:
    return push.read_event_source(dict(pair.split("=", 1) for pair in case["parameters"].split("&")))


RUNNERS: dict[str, Callable[[Case], Any]] = {
    "blobs": _blob,
    "dates": lambda case: dates.utc(dates.read_utc(case["utc"]) if "utc" in case else dates.read_date(case["date"])),
    "emails": _email,
    "event_sources": _event_source,
    "filters": _filter,
    "methods": _method,
    "objects": _object,
    "patches": _patch,
    "references": _reference,
    "requests": _request,
    "sockets": _socket,
    "sorts": _sort,
    "words": lambda case: [list(term) for term in words.read_terms(case["text"])],
}
