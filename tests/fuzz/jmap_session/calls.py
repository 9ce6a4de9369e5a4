"""Random calls of every method that there is, from the tables of the server: a method that is added is called too.

The law: arguments are mostly of their types, so that most calls reach the data; then, now and then, something in them
is replaced by anything else.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.jmap.dispatch import HANDLERS
from mail.jmap.conditions import CONDITIONS
from mail.jmap.email.names import PART
from mail.jmap.methods.table import METHODS, Method
from mail.jmap.objects.mailbox import IDENTITY, MAILBOX, PRINCIPAL, VACATION_RESPONSE
from mail.jmap.objects.names import PROPERTIES
from mail.jmap.objects.submission import EMAIL_SUBMISSION
from mail.jmap.sorting import SORTS
from tests.fuzz.jmap_session import words as w
from tests.fuzz.jmap_session.words import Dice, Make

SPOILT_SHARE: Final = 0.2
REFERS_SHARE: Final = 0.12
KIND_LETTERS: Final = {"Email": "E", "Mailbox": "F", "Thread": "T", "Blob": "M"}
_OFTEN: Final = ("Email/set", "Email/set", "Email/import", "Mailbox/set", "Email/get", "Email/query", "Email/changes")
_PATHS: Final = (
    *("/list/*/id", "/ids", "/created", "/updated", "/list/*/threadId", "/list/*/emailIds", "/ids/0", "", "/", "x"),
    *("/list/0/mailboxIds", "/created/k1/id", "/*", "/*/*/*", "/list/*/blobId", "/~", "/list/-1", "/state", "/list"),
)
_KINDS: Final = {
    "Mailbox": MAILBOX,
    "Identity": IDENTITY,
    "VacationResponse": VACATION_RESPONSE,
    "Principal": PRINCIPAL,
    "EmailSubmission": EMAIL_SUBMISSION,
}


def call(dice: Dice, number: int) -> list[Any]:
    """One call, of the number in its request."""
    known = [name for name in METHODS if name in HANDLERS]
    often = [name for name in _OFTEN if name in HANDLERS]
    chosen = dice.choice(often) if dice.random() < 0.5 else dice.choice(known)
    made = arguments(dice, METHODS[chosen])[1]
    if number and made and dice.random() < REFERS_SHARE:
        _refer(dice, made, number)
    if dice.random() < SPOILT_SHARE:
        made = _spoilt(dice, made)
    return [chosen if dice.random() < 0.98 else dice.choice(list(METHODS)), made, f"c{number}"]


def arguments(dice: Dice, method: Method) -> list[Any]:
    """A call of a method, mostly of the types it takes."""
    made = {}
    for field in msgspec.structs.fields(method.arguments):
        if field.required or dice.random() < 0.4:
            made[field.encode_name] = _argument(dice, method, field.encode_name)
    return [method.name, made, "c"]


def _argument(dice: Dice, method: Method, name: str) -> Any:
    kind = method.kind
    letters = KIND_LETTERS.get(kind, "X")
    if name in _BY_NAME:
        return _BY_NAME[name](dice)
    if name in ("ids", "destroy"):
        return None if dice.random() < 0.2 else w.names(dice, letters)
    if name == "properties":
        return None if dice.random() < 0.2 else properties(dice, kind)
    if name in ("create", "emails", "send"):
        made = IMPORT if method.name == "Email/import" else COPY if method.name.endswith("/copy") else CREATE.get(kind)
        return {dice.choice(w.NAMES): (made or _object(kind))(dice) for _ in range(dice.randint(0, 3))}
    if name == "update":
        return {w.name(dice, letters): patch(dice, kind) for _ in range(dice.randint(0, 3))}
    if name == "filter":
        return None if dice.random() < 0.2 else filter_of(dice, "Email" if kind == "SearchSnippet" else kind)
    if name == "sort":
        return [comparator(dice, kind) for _ in range(dice.randint(0, 2))]
    return dice.choice(w.ODD)


def properties(dice: Dice, kind: str) -> list[str]:
    """Names of properties, each once."""
    known = PROPERTIES.get(kind, ())
    found = [dice.choice(known) for _ in range(dice.randint(0, 6))] if known else []
    if kind == "Email" and dice.random() < 0.4:
        found.append(header(dice))
    if dice.random() < 0.05:
        found.append(dice.choice(w.TEXTS))
    return list(dict.fromkeys(found))


def body_properties(dice: Dice) -> list[str]:
    """Of parts."""
    found = [dice.choice(sorted(PART)) for _ in range(dice.randint(0, 5))]
    return list(dict.fromkeys([*found, header(dice)] if dice.random() < 0.2 else found))


def header(dice: Dice) -> str:
    """A property of that kind, which may be none."""
    return f"header:{dice.choice(w.FIELDS)}{dice.choice(w.FORMS)}"


def filter_of(dice: Dice, kind: str, depth: int = 0) -> dict[str, Any]:
    """A tree of conditions."""
    if depth < 4 and dice.random() < 0.3:
        conditions = [filter_of(dice, kind, depth + 1) for _ in range(dice.randint(0, 3))]
        return {"operator": dice.choice(("AND", "OR", "NOT")), "conditions": conditions}
    if kind not in CONDITIONS:
        return {}
    fields = [field.encode_name for field in msgspec.structs.fields(CONDITIONS[kind])]
    return {name: _condition(dice, name) for name in dice.sample(fields, min(len(fields), dice.randint(0, 2)))}


def _condition(dice: Dice, name: str) -> Any:
    if name in _CONDITION_OF:
        return _CONDITION_OF[name](dice)
    if name.endswith("Keyword"):
        return dice.choice(w.KEYWORDS)
    if name.endswith("Ids"):
        return w.names(dice, "EFTX")
    return dice.choice(w.TEXTS)


def comparator(dice: Dice, kind: str) -> dict[str, Any]:
    """One of a sort."""
    found: dict[str, Any] = {"property": dice.choice((*SORTS.get(kind, ("id",)), "nothing"))}
    more: dict[str, Make] = {
        "isAscending": w.flag,
        "collation": lambda dice: dice.choice(("i;octet", "i;ascii-casemap", "i;unicode-casemap", "x")),
        "keyword": lambda dice: dice.choice(w.KEYWORDS),
    }
    return found | w.members(dice, more, 0.3)


def mailbox_ids(dice: Dice) -> dict[str, bool]:
    """Where an email is to be: somewhere most of the time."""
    return {w.name(dice, "F"): True for _ in range(dice.choice((0, 1, 1, 1, 1, 2, 3)))}


def keywords(dice: Dice) -> dict[str, bool]:
    """A set of them."""
    return w.marks(dice, lambda dice: dice.choice(w.KEYWORDS))


def address(dice: Dice) -> dict[str, Any]:
    """EmailAddress."""
    return {"name": dice.choice((None, *w.TEXTS)), "email": dice.choice(("a@x.test", "bob@example.test", *w.TEXTS))}


def addresses(dice: Dice) -> Any:
    """Some, or null."""
    return None if dice.random() < 0.2 else [address(dice) for _ in range(dice.randint(0, 3))]


def part(dice: Dice, depth: int = 0) -> dict[str, Any]:
    """EmailBodyPart."""
    made: dict[str, Any] = {
        "type": dice.choice(("text/plain", "text/html", "image/png", "multipart/mixed", "x", "a/b"))
    }
    more: dict[str, Make] = {
        "partId": lambda dice: dice.choice(("1", "2", "x")),
        "blobId": lambda dice: w.name(dice, "M"),
        "name": lambda dice: dice.choice(w.TEXTS),
        "charset": lambda dice: dice.choice(("utf-8", "us-ascii", "x", None)),
        "disposition": lambda dice: dice.choice(("attachment", "inline", None, "x y")),
        "cid": lambda dice: dice.choice((*w.TEXTS, None)),
        "language": lambda dice: dice.choice((["de"], [], None, ["x" * 100])),
        "location": lambda dice: dice.choice((*w.TEXTS, None)),
        "size": lambda dice: dice.choice(w.NUMBERS),
    }
    made |= w.members(dice, more, 0.3)
    if dice.random() < 0.15:
        made[header(dice)] = dice.choice((*w.TEXTS, None))
    if depth < 3 and made["type"].startswith("multipart") and dice.random() < 0.8:
        made["subParts"] = [part(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    return made


def email(dice: Dice) -> dict[str, Any]:
    """An Email to be made."""
    made: dict[str, Any] = {"mailboxIds": mailbox_ids(dice)}
    more: dict[str, Make] = {
        "keywords": keywords,
        "receivedAt": lambda dice: dice.choice(w.DATES),
        "from": addresses,
        "to": addresses,
        "subject": lambda dice: dice.choice((*w.TEXTS, None)),
        "sentAt": lambda dice: dice.choice(w.DATES),
        "messageId": lambda dice: dice.choice((["a@b"], None, [], ["<a@b>"], ["a b"])),
        "references": lambda dice: dice.choice((["a@b", "c@d"], None)),
        "attachments": lambda dice: [part(dice) for _ in range(dice.randint(0, 2))],
    }
    made |= w.members(dice, more, 0.4)
    if dice.random() < 0.2:
        made[header(dice)] = dice.choice((*w.TEXTS, None, ["a"], []))
    if dice.random() < 0.5:
        made["bodyValues"] = {"1": {"value": dice.choice(w.TEXTS)}, "2": {"value": "<p>x", "isTruncated": w.flag(dice)}}
        made["textBody"] = [{"partId": "1", "type": "text/plain"}]
        if dice.random() < 0.3:
            made["htmlBody"] = [{"partId": "2", "type": "text/html"}]
    elif dice.random() < 0.4:
        made["bodyStructure"] = part(dice)
        made["bodyValues"] = {"1": {"value": "x"}, "x": {"value": dice.choice(w.TEXTS)}}
    return made


def placed(source: str, letter: str) -> Make:
    """What /import and /copy make an email of."""

    def make(dice: Dice) -> dict[str, Any]:
        more: dict[str, Make] = {"keywords": keywords, "receivedAt": lambda dice: dice.choice(w.DATES)}
        return {source: w.name(dice, letter), "mailboxIds": mailbox_ids(dice)} | w.members(dice, more, 0.3)

    return make


def mailbox(dice: Dice) -> dict[str, Any]:
    """A Mailbox to be made."""
    more: dict[str, Make] = {
        "parentId": lambda dice: dice.choice((None, w.name(dice, "F"))),
        "role": lambda dice: dice.choice(w.ROLES),
        "sortOrder": lambda dice: dice.choice(w.NUMBERS),
        "isSubscribed": w.flag,
    }
    return {"name": dice.choice(("a", "b", "c", *w.TEXTS))} | w.members(dice, more, 0.3)


IMPORT: Final[Make] = placed("blobId", "M")
COPY: Final[Make] = placed("id", "E")
CREATE: Final[Mapping[str, Make]] = {"Email": email, "Mailbox": mailbox}


def _object(kind: str) -> Callable[[Dice], dict[str, Any]]:
    """An object of a type of which no more is known than its properties."""
    known = list(_KINDS[kind].properties) if kind in _KINDS else list(PROPERTIES.get(kind, ()))

    def make(dice: Dice) -> dict[str, Any]:
        return {name: _value(dice, name) for name in dice.sample(known, dice.randint(0, len(known)))}

    return make


def _value(dice: Dice, name: str) -> Any:
    if name in _VALUES:
        return _VALUES[name](dice)
    if name.endswith("Id"):
        return w.name(dice, "EFTX")
    return dice.choice((*w.TEXTS, *w.ODD))


_VALUES: Final[Mapping[str, Make]] = {
    "mailboxIds": mailbox_ids,
    "keywords": keywords,
    "receivedAt": lambda dice: dice.choice(w.DATES),
    "sendAt": lambda dice: dice.choice(w.DATES),
    "fromDate": lambda dice: dice.choice(w.DATES),
    "toDate": lambda dice: dice.choice(w.DATES),
    "expires": lambda dice: dice.choice(w.DATES),
    "role": lambda dice: dice.choice(w.ROLES),
    "sortOrder": lambda dice: dice.choice(w.NUMBERS),
    "isSubscribed": w.flag,
    "isEnabled": w.flag,
    "name": lambda dice: dice.choice(("a", "b", "c", *w.TEXTS)),
    "parentId": lambda dice: dice.choice((None, w.name(dice, "F"))),
    "replyTo": addresses,
    "bcc": addresses,
    "emailId": lambda dice: w.name(dice, "E"),
    "identityId": lambda dice: w.name(dice, "X"),
    "envelope": lambda dice: {
        "mailFrom": {"email": dice.choice(("alice@example.test", *w.TEXTS)), "parameters": None},
        "rcptTo": [address(dice) for _ in range(dice.randint(0, 2))],
    },
}


def patch(dice: Dice, kind: str) -> dict[str, Any]:
    """A PatchObject."""
    known = PROPERTIES.get(kind, ("x",))
    if kind == "Email":
        known = ("mailboxIds", "keywords", "mailboxIds", "keywords", *known)
    made: dict[str, Any] = {}
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        name = dice.choice(known)
        if name == "keywords" and dice.random() < 0.6:
            made[f"keywords/{dice.choice(w.KEYWORDS)}"] = dice.choice((True, None, True, None, False, 1))
        elif name == "mailboxIds" and dice.random() < 0.6:
            made[f"mailboxIds/{w.name(dice, 'F')}"] = dice.choice((True, None, True, None, False))
        elif dice.random() < 0.1:
            made[f"{name}/{dice.choice(w.TEXTS)}"] = dice.choice(w.ODD)
        else:
            made[name] = _value(dice, name)
    return made


_BY_NAME: Final[Mapping[str, Make]] = {
    "accountId": w.account,
    "fromAccountId": lambda dice: dice.choice(("@A0", "@A1", "@A2", "@A3")),
    **dict.fromkeys(
        ("sinceState", "ifInState", "ifFromInState", "destroyFromIfInState", "sinceQueryState"),
        lambda dice: dice.choice(("@S", "@S", "0", "1", "x", "", "5.3", "999999", "1.999999999999999999")) + "",
    ),
    **dict.fromkeys(("maxChanges", "limit", "maxBodyValueBytes", "position", "anchorOffset", "offset", "length"),
                    lambda dice: dice.choice(w.NUMBERS)),
    "anchor": lambda dice: w.name(dice, "EF"),
    "upToId": lambda dice: w.name(dice, "EF"),
    "blobIds": lambda dice: w.names(dice, "M"),
    "emailIds": lambda dice: w.names(dice, "E"),
    "bodyProperties": body_properties,
    "typeNames": lambda dice: w.some(dice, w.TYPES),
    "onSuccessUpdateEmail": lambda dice: {w.name(dice, "X"): patch(dice, "Email")},
    "onSuccessDestroyEmail": lambda dice: w.names(dice, "X"),
    "identityId": lambda dice: w.name(dice, "X"),
    **dict.fromkeys(
        ("calculateTotal", "collapseThreads", "sortAsTree", "filterAsTree", "onDestroyRemoveEmails",
         "onSuccessDestroyOriginal", "fetchTextBodyValues", "fetchHTMLBodyValues", "fetchAllBodyValues"), w.flag,
    ),
}  # fmt: skip
_CONDITION_OF: Final[Mapping[str, Make]] = {
    "inMailbox": lambda dice: w.name(dice, "F"),
    "inMailboxOtherThan": lambda dice: w.names(dice, "F"),
    "parentId": lambda dice: dice.choice((None, w.name(dice, "F"))),
    "role": lambda dice: dice.choice(w.ROLES),
    "before": lambda dice: dice.choice(w.DATES),
    "after": lambda dice: dice.choice(w.DATES),
    "minSize": lambda dice: dice.choice(w.NUMBERS),
    "maxSize": lambda dice: dice.choice(w.NUMBERS),
    "header": lambda dice: w.some(dice, (*w.FIELDS, *w.TEXTS), 3),
    **dict.fromkeys(("hasAttachment", "isSubscribed", "hasAnyRole"), w.flag),
}


def _refer(dice: Dice, arguments: dict[str, Any], number: int) -> None:
    """Some argument becomes a reference to an answer before."""
    name = dice.choice(list(arguments))
    if dice.random() < 0.9:
        del arguments[name]  # else it is there twice, which is invalid
    made = {"resultOf": f"c{dice.randrange(number)}", "name": dice.choice(list(HANDLERS)), "path": dice.choice(_PATHS)}
    arguments["#" + name] = made


def _spoilt(dice: Dice, value: Any, depth: int = 0) -> Any:
    """Something in it is another thing."""
    if depth and (not value or not isinstance(value, dict | list) or dice.random() < 0.3):
        return dice.choice(w.ODD)
    if isinstance(value, list):
        place = dice.randrange(len(value))
        return [*value[:place], _spoilt(dice, value[place], depth + 1), *value[place + 1 :]]
    if not value or dice.random() < 0.1:
        return {**value, dice.choice(w.TEXTS): dice.choice(w.ODD)}
    name = dice.choice(list(value))
    if dice.random() < 0.15:
        return {other: one for other, one in value.items() if other != name}
    return {**value, name: _spoilt(dice, value[name], depth + 1)}
