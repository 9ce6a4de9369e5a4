"""What each method may answer to what was asked (RFC 8620 3.4, 5; RFC 8621).

    read(request, response)      # raises AssertionError

The law: each call is answered, by its method or by one error of the standards, in order; what a method calls by itself
follows it. An answer has every member that it must have and no other, names each thing that was asked for exactly once,
and nothing twice.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.strict.jmap import values as v
from tests.strict.jmap.objects import EMAIL, KINDS, PARSED_UNASKED, read_email, read_object
from tests.strict.jmap.values import Type, fail

METHOD_ERRORS: Final = frozenset({
    "serverUnavailable", "serverFail", "serverPartialFail", "unknownMethod", "invalidArguments",
    "invalidResultReference", "forbidden", "accountNotFound", "accountNotSupportedByMethod", "accountReadOnly",
    "requestTooLarge", "cannotCalculateChanges", "stateMismatch", "fromAccountNotFound",
    "fromAccountNotSupportedByMethod", "anchorNotFound", "unsupportedSort", "unsupportedFilter", "tooManyChanges",
    "unknownDataType",
})  # fmt: skip
SET_ERRORS: Final = frozenset({
    "forbidden", "overQuota", "tooLarge", "rateLimit", "notFound", "invalidPatch", "willDestroy",
    "invalidProperties", "singleton", "alreadyExists", "mailboxHasChild", "mailboxHasEmail", "blobNotFound",
    "tooManyKeywords", "tooManyMailboxes", "invalidEmail", "tooManyRecipients", "noRecipients",
    "invalidRecipients", "forbiddenMailFrom", "forbiddenFrom", "forbiddenToSend", "cannotUnsend", "mdnAlreadySent",
})  # fmt: skip
NOT_HERE: Final = ("serverFail", "serverPartialFail")  # a defect
IMPLIED: Final = {"Email/copy": "Email/set", "EmailSubmission/set": "Email/set", "MDN/send": "Email/set"}
_SET_ERROR: Final = v.members(
    {"type": v.one_of(*SET_ERRORS)},
    {
        "description": v.string,
        "properties": v.listed(v.string),
        "existingId": v.identifier,
        "notFound": v.listed(v.string),
        "maxSize": v.unsigned,
        "maxRecipients": v.unsigned,
        "invalidRecipients": v.listed(v.string),
    },
)
_ERRORS: Final = v.nullable(v.mapped(v.string, _SET_ERROR))
_NONE: Final[Mapping[str, Any]] = {}

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


def read(request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
    """A whole Response. `request` is as it was sent."""
    v.members(
        {"methodResponses": v.listed(v.anything), "sessionState": v.string},
        {"createdIds": v.mapped(v.identifier, v.identifier)},
    )(response, "response")
    if ("createdIds" in response) is not (request.get("createdIds") is not None):
        fail("response", "createdIds is there if it was in the request (RFC 8620 3.4)", response.keys())
    answers = list(response["methodResponses"])
    for name, arguments, call in request["methodCalls"]:
        if not answers:
            fail(name, "not answered", arguments)
        said = answers.pop(0)
        _envelope(said, call)
        read_answer(name, plain(arguments), said)
        while answers and said[0] != "error" and name in IMPLIED and answers[0][2] == call:
            if answers[0][0] not in (IMPLIED[name], "error"):
                break
            _envelope(answers[0], call)
            implied = answers.pop(0)
            read_answer(IMPLIED[name], None, implied)
    if answers:
        fail("response", "more than was asked for", answers)


def read_problem(problem: Mapping[str, Any]) -> None:
    """What is said of a request that is refused as a whole (RFC 8620 3.6.1)."""
    kinds = ("unknownCapability", "notJSON", "notRequest", "limit")
    v.members(
        {"type": v.one_of(*(f"urn:ietf:params:jmap:error:{kind}" for kind in kinds)), "status": v.unsigned},
        {"detail": v.string, "title": v.string, "limit": v.string},
    )(problem, "problem")


def plain(arguments: Arguments) -> Arguments | None:
    """The arguments, if they are known: None where some are results of other calls."""
    return None if any(name.startswith("#") for name in arguments) else arguments


def _envelope(said: Any, call: str) -> None:
    if not isinstance(said, list) or len(said) != 3 or said[2] != call or not isinstance(said[1], dict):
        fail("response", f"no answer to call {call!r}", said)


def read_answer(name: str, asked: Arguments | None, said: Any) -> None:
    """The answer to one call. `asked`: None where it is not known."""
    if said[0] == "error":
        v.members({"type": v.one_of(*METHOD_ERRORS)}, {"description": v.string, "arguments": v.listed(v.string)})(
            said[1], f"{name}: error"
        )
        if said[1]["type"] in NOT_HERE:
            fail(name, "a defect", said[1])
        return
    if said[0] != name:
        fail(name, "answered by another method", said[0])
    if name == "Core/echo":
        if asked is not None and json.dumps(asked, sort_keys=True) != json.dumps(said[1], sort_keys=True):
            fail(name, f"no echo of {asked}", said[1])
        return
    kind, _, verb = name.partition("/")
    reader = OTHERS.get(name) or _STANDARD.get(verb)
    if reader is None:
        raise KeyError(name)
    reader(kind, asked, said[1])
    if asked is not None and "accountId" in asked and asked["accountId"] != said[1].get("accountId"):
        fail(name, "of another account", said[1].get("accountId"))


def _get(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/get"
    account: dict[str, Type] = {} if kind == "PushSubscription" else {"accountId": v.identifier, "state": v.string}
    optional: dict[str, Type] = {"state": v.string} if kind == "PushSubscription" else {}
    v.members({**account, "list": v.listed(v.anything), "notFound": v.listed(v.string, unique=True)}, optional)(
        said, where
    )
    ids = [one.get("id") for one in said["list"]]
    v.identifiers(ids, f"{where} ids")
    if both := set(ids) & set(said["notFound"]):
        fail(where, "found and not found", both)
    if asked is None:
        return
    for place, one in enumerate(said["list"]):
        read_object(kind, one, asked, f"{where}/list/{place}")
    wanted = asked.get("ids")
    if wanted is None:
        if said["notFound"]:
            fail(where, "not found, and nothing was asked for", said["notFound"])
    elif not any(name.startswith("#") for name in wanted) and set(wanted) != {*ids, *said["notFound"]}:
        fail(where, f"not those of {wanted}", (ids, said["notFound"]))


def _changes(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/changes"
    more: dict[str, Type] = {}
    if kind in ("Mailbox", "Quota"):  # RFC 8621 2.2, RFC 9425 4.2
        more["updatedProperties"] = v.nullable(v.listed(v.one_of(*KINDS[kind])))
    lists = ("created", "updated", "destroyed")
    v.members({
        "accountId": v.identifier,
        "oldState": v.string,
        "newState": v.string,
        "hasMoreChanges": v.boolean,
        **dict.fromkeys(lists, v.identifiers),
        **more,
    })(said, where)  # fmt: skip
    together = [name for part in lists for name in said[part]]
    v.identifiers(together, f"{where}: in two lists")
    if said["hasMoreChanges"] and said["newState"] == said["oldState"]:
        fail(where, "no way forward", said)
    if said["oldState"] == said["newState"] and together:
        fail(where, "changes without a new state", said)
    if asked is None:
        return
    if said["oldState"] != asked["sinceState"]:
        fail(where, f"not since {asked['sinceState']}", said["oldState"])
    most = asked.get("maxChanges")
    if most is not None and len(together) > most:
        fail(where, f"more than {most}", together)


def _set(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/set"
    has_state = kind != "PushSubscription"
    account: dict[str, Type] = {"accountId": v.identifier, "newState": v.string} if has_state else {}
    v.members(
        {
            **account,
            **({"oldState": v.nullable(v.string)} if has_state else {}),
            "created": v.nullable(v.mapped(v.identifier, _made(kind))),
            "updated": v.nullable(v.mapped(v.string, v.nullable(v.mapped(v.string, v.anything)))),
            "destroyed": v.nullable(v.listed(v.string, unique=True)),
            "notCreated": _ERRORS,
            "notUpdated": _ERRORS,
            "notDestroyed": _ERRORS,
        }
    )(said, where)
    if asked is None:
        return
    for given, done, failed in (
        ("create", "created", "notCreated"),
        ("update", "updated", "notUpdated"),
        ("destroy", "destroyed", "notDestroyed"),
    ):
        _each_once(f"{where} {given}", list(asked.get(given) or ()), said[done], said[failed])


def _made(kind: str) -> Type:
    known = KINDS.get(kind) or EMAIL

    def check(value: Any, where: str) -> None:
        v.members({"id": v.identifier}, {**known, "keys": v.anything})(value, where)

    return check


def _each_once(where: str, given: list[str], done: Any, failed: Any) -> None:
    """Each that was given is in one of the two, under the name it was given by; what is a reference (`#`) under the id
    that it means, or under itself where it means nothing. Only what was given both ways may be in both."""
    told = [*(done or ()), *(failed or ())]
    names = {name for name in given if not name.startswith("#")}
    references = len(set(given)) - len(names)
    twice = len(told) - len(set(told))
    if not names <= set(told) or twice + len(set(told) - names) > references:
        fail(where, f"not each of {given} is told of once", told)


def _copy(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/copy"
    v.members({
        "fromAccountId": v.identifier,
        "accountId": v.identifier,
        "oldState": v.nullable(v.string),
        "newState": v.string,
        "created": v.nullable(v.mapped(v.identifier, _made(kind))),
        "notCreated": _ERRORS,
    })(said, where)  # fmt: skip
    if asked is not None:
        _each_once(where, list(asked["create"]), said["created"], said["notCreated"])


def _import(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/import"
    made = v.members(dict.fromkeys(("id", "blobId", "threadId"), v.identifier) | {"size": v.unsigned})
    v.members({
        "accountId": v.identifier,
        "oldState": v.nullable(v.string),
        "newState": v.string,
        "created": v.nullable(v.mapped(v.identifier, made)),
        "notCreated": _ERRORS,
    })(said, where)  # fmt: skip
    if asked is not None:
        _each_once(where, list(asked["emails"]), said["created"], said["notCreated"])


def _query(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/query"
    optional: dict[str, Type] = {"total": v.unsigned, "limit": v.unsigned}
    if kind == "Email":
        optional["collapseThreads"] = v.boolean
    v.members(
        {
            "accountId": v.identifier,
            "queryState": v.string,
            "canCalculateChanges": v.boolean,
            "position": v.unsigned,
            "ids": v.identifiers,
        },
        optional,
    )(said, where)
    if asked is None:
        return
    if ("total" in said) is not bool(asked.get("calculateTotal")):
        fail(where, "total is there if it was asked for", said)
    most = asked.get("limit")
    if most is not None and len(said["ids"]) > most:
        fail(where, f"more than {most}", said["ids"])
    if "total" in said and said["ids"] and said["position"] + len(said["ids"]) > said["total"]:
        fail(where, "more than there are", said)


def _query_changes(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/queryChanges"
    added = v.listed(v.members({"id": v.identifier, "index": v.unsigned}))
    optional: dict[str, Type] = {"total": v.unsigned}
    if kind == "Email":
        optional["collapseThreads"] = v.boolean
    v.members(
        {
            "accountId": v.identifier,
            "oldQueryState": v.string,
            "newQueryState": v.string,
            "removed": v.identifiers,
            "added": added,
        },
        optional,
    )(said, where)
    places = [one["index"] for one in said["added"]]
    if places != sorted(set(places)):
        fail(where, "added is not in ascending order", places)
    v.identifiers([one["id"] for one in said["added"]], where)
    if asked is None:
        return
    if said["oldQueryState"] != asked["sinceQueryState"]:
        fail(where, f"not since {asked['sinceQueryState']}", said["oldQueryState"])
    most = asked.get("maxChanges")
    if most is not None and len(said["removed"]) + len(places) > most:
        fail(where, f"more than {most}", said)


def _parse(kind: str, asked: Arguments | None, said: Answer) -> None:
    where = f"{kind}/parse"
    v.members({
        "accountId": v.identifier,
        "parsed": v.nullable(v.mapped(v.identifier, v.anything)),
        "notParsable": v.nullable(v.listed(v.string, unique=True)),
        "notFound": v.nullable(v.listed(v.string, unique=True)),
    })(said, where)  # fmt: skip
    if asked is None:
        return
    told = [*(said["parsed"] or ()), *(said["notParsable"] or ()), *(said["notFound"] or ())]
    if not any(name.startswith("#") for name in asked["blobIds"]) and set(asked["blobIds"]) != set(told):
        fail(where, f"not those of {asked['blobIds']}", told)
    if kind != "Email":
        return
    names = asked.get("properties")
    for blob, one in (said["parsed"] or {}).items():
        nulls = {name: None for name in ("id", "mailboxIds", "keywords", "receivedAt", "threadId") if name in one}
        if any(one[name] is not None for name in nulls):
            fail(where, "what only a stored email has", one)
        rest = {name: value for name, value in one.items() if name not in nulls}
        wanted = set(PARSED_UNASKED if names is None else names)
        if one.keys() - {"id"} != wanted - {"id"}:
            fail(where, f"not {sorted(wanted)}", sorted(one))
        read_email(rest, rest.keys(), asked, f"{where}/{blob}")


def _snippets(_kind: str, asked: Arguments | None, said: Answer) -> None:
    where = "SearchSnippet/get"
    one = v.members({
        "emailId": v.identifier, "subject": v.nullable(v.string), "preview": v.nullable(v.string),
    })  # fmt: skip
    v.members({"accountId": v.identifier, "list": v.listed(one), "notFound": v.nullable(v.listed(v.string))})(
        said, where
    )
    if asked is not None and not any(name.startswith("#") for name in asked["emailIds"]):
        told = [*(one["emailId"] for one in said["list"]), *(said["notFound"] or ())]
        if sorted(told) != sorted(set(asked["emailIds"])):
            fail(where, f"not those of {asked['emailIds']}", told)


def _blobs(_kind: str, asked: Arguments | None, said: Answer) -> None:
    """Blob/get (RFC 9404 4.2)."""
    known: dict[str, Type] = {
        "data:asText": v.nullable(v.string), "data:asBase64": v.nullable(v.string), "size": v.unsigned,
        "isEncodingProblem": v.boolean, "isTruncated": v.boolean,
    }  # fmt: skip

    def blob(value: Any, where: str) -> None:
        digests = {name: v.string for name in value if name.startswith("digest:")}
        v.members({"id": v.identifier}, {**known, **digests})(value, where)

    v.members({"accountId": v.identifier, "list": v.listed(blob), "notFound": v.listed(v.string)})(said, "Blob/get")
    if asked is not None and not any(name.startswith("#") for name in asked.get("ids") or ()):
        told = {*(one["id"] for one in said["list"]), *said["notFound"]}
        if told != set(asked.get("ids") or ()):
            fail("Blob/get", f"not those of {asked.get('ids')}", told)


def _looked_up(_kind: str, _asked: Arguments | None, said: Answer) -> None:
    """Blob/lookup (RFC 9404 4.3)."""
    one = v.members({"id": v.identifier, "matchedIds": v.mapped(v.string, v.identifiers)})
    v.members({"accountId": v.identifier, "list": v.listed(one), "notFound": v.listed(v.string)})(said, "Blob/lookup")


def _uploaded(_kind: str, asked: Arguments | None, said: Answer) -> None:
    """Blob/upload (RFC 9404 4.1)."""
    one = v.members({"id": v.identifier, "type": v.nullable(v.string), "size": v.unsigned})
    members = {"accountId": v.identifier, "created": v.nullable(v.mapped(v.identifier, one)), "notCreated": _ERRORS}
    v.members(members, {"oldState": v.nullable(v.string), "newState": v.string})(said, "Blob/upload")
    if asked is not None:
        _each_once("Blob/upload", list(asked["create"]), said["created"], said["notCreated"])


def _blobs_copied(_kind: str, asked: Arguments | None, said: Answer) -> None:
    """Blob/copy (RFC 8620 6.3)."""
    v.members({
        "fromAccountId": v.identifier,
        "accountId": v.identifier,
        "copied": v.nullable(v.mapped(v.string, v.identifier)),
        "notCopied": _ERRORS,
    })(said, "Blob/copy")  # fmt: skip
    if asked is not None:
        _each_once("Blob/copy", list(asked["blobIds"]), said["copied"], said["notCopied"])


def _sent(_kind: str, asked: Arguments | None, said: Answer) -> None:
    """MDN/send (RFC 9007 2.1)."""
    v.members({
        "accountId": v.identifier,
        "sent": v.nullable(v.mapped(v.identifier, v.mapped(v.string, v.anything))),
        "notSent": _ERRORS,
    })(said, "MDN/send")  # fmt: skip
    if asked is not None:
        _each_once("MDN/send", list(asked["send"]), said["sent"], said["notSent"])


Reader = Callable[[str, Arguments | None, Answer], None]
_STANDARD: Final[Mapping[str, Reader]] = {
    "get": _get,
    "changes": _changes,
    "set": _set,
    "copy": _copy,
    "query": _query,
    "queryChanges": _query_changes,
    "import": _import,
    "parse": _parse,
}
OTHERS: Final[Mapping[str, Reader]] = {
    "SearchSnippet/get": _snippets,
    "Blob/get": _blobs,
    "Blob/lookup": _looked_up,
    "Blob/upload": _uploaded,
    "Blob/copy": _blobs_copied,
    "MDN/send": _sent,
}
