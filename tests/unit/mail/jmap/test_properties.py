"""What holds for all requests, references, patches and objects, not only for those of the case files."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.jmap import capabilities as uri
from mail.jmap import dates
from mail.jmap.creation import CreationIds
from mail.jmap.errors import RequestError, SetError
from mail.jmap.filters import leaves, read_filter
from mail.jmap.limits import Limits
from mail.jmap.objects.kinds import same
from mail.jmap.patch import apply, paths
from mail.jmap.pointer import escape, index, tokens
from mail.jmap.references import Budget, resolve
from mail.jmap.request import decode, encode, read_json
from mail.jmap.session import Account, Urls, session
from mail.jmap.words import read_terms
from tests.unit.mail.jmap.driver import KINDS, cases, refusal

LIMITS = Limits()
DEPTH_MAX = 254  # what orjson writes
CREATED = [
    case
    for _title, case in cases("objects.txt")
    if "create" in case
    and "limits" not in case
    and "extension" not in case["create"]
    and "error" not in case.get("is", "")
]
QUICK = settings(max_examples=80, deadline=None, database=None)
NAMES = st.text(max_size=4) | st.sampled_from(["a", "b", "a/b", "~", "~1", "", "*", "0", ":", '"', "\\", "\\:"])
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=5) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)


def _noncharacter(text: str) -> bool:
    return any(ord(one) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(one) <= 0xFDEF for one in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def _written(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON, with white space and escapes where they may be, and now and then a member twice."""
    space = draw(st.sampled_from(["", "", " ", "\n\t"]))
    if isinstance(value, dict):
        members = [(name, _written(draw, one)) for name, one in value.items()]
        if members and draw(st.integers(0, 9)) == 0:
            members.append(draw(st.sampled_from(members)))
        inside = ",".join(f"{_string(draw, name)}{space}:{space}{one}" for name, one in members)
        return f"{{{space}{inside}{space}}}"
    if isinstance(value, list):
        return f"[{space}{f',{space}'.join(_written(draw, one) for one in value)}]"
    return _string(draw, value) if isinstance(value, str) else json.dumps(value)


def _string(draw: st.DrawFn, text: str) -> str:
    if draw(st.booleans()):
        return json.dumps(text, ensure_ascii=draw(st.booleans()))
    return '"' + "".join(f"\\u{ord(one):04x}" if ord(one) < 0xD800 else json.dumps(one)[1:-1] for one in text) + '"'


@st.composite
def _texts(draw: st.DrawFn) -> str:
    return _written(draw, draw(JSON))


@QUICK
@given(_texts())
def test_json_is_taken_as_another_reader_takes_it(text: str) -> None:
    try:
        wanted: Any = json.loads(text, object_pairs_hook=_unique)
    except ValueError:
        wanted = None
        fine = False
    else:
        fine = not _noncharacter(json.dumps(wanted, ensure_ascii=False))
    if fine:
        assert same(read_json(text.encode(), LIMITS), wanted)
    else:
        with pytest.raises(RequestError) as problem:
            read_json(text.encode(), LIMITS)
        assert problem.value.kind == "notJSON"


@QUICK
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_nothing_else_leaves_a_decoder(body: bytes) -> None:
    problem = refusal(lambda: decode(body, LIMITS, {uri.CORE}))
    assert problem is None or isinstance(problem, RequestError)


@QUICK
@given(st.lists(st.tuples(st.text(max_size=5), OBJECTS, st.text(max_size=3)), max_size=4))
def test_what_was_sent_comes_back(calls: list[tuple[str, dict[str, Any], str]]) -> None:
    body = orjson.dumps({"using": [], "methodCalls": calls})
    if _noncharacter(body.decode()):
        return
    read = decode(body, LIMITS, ())
    again = [(call.name, call.arguments, call.id) for call in read.calls]
    assert again == calls
    assert orjson.loads(encode(again, "s"))["methodResponses"] == [list(call) for call in calls]


def test_what_is_as_deep_as_may_be_comes_back() -> None:
    deep = DEPTH_MAX - 4  # the levels of a Request above the arguments of a call, and those
    body = b'{"using":[],"methodCalls":[["Core/echo",{"a":%b%b},"c"]]}'
    read = decode(body % (b"[" * deep, b"]" * deep), LIMITS, ())
    assert orjson.loads(encode([(call.name, call.arguments, call.id) for call in read.calls], "s"))
    with pytest.raises(RequestError, match="too deeply"):
        decode(body % (b"[" * (deep + 1), b"]" * (deep + 1)), LIMITS, ())


def _all(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every place in a value, with what is there."""
    found = [(path, value)]
    if isinstance(value, dict):
        for name, one in value.items():
            found += _all(one, (*path, name))
    if isinstance(value, list):
        for place, one in enumerate(value):
            found += _all(one, (*path, str(place)))
    return found


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + escape(name) for name in path)


@QUICK
@given(OBJECTS)
def test_every_place_can_be_referred_to(arguments: dict[str, Any]) -> None:
    for path, value in _all(arguments):
        assert tokens(_pointer(path)) == path
        reference = {"resultOf": "c", "name": "A", "path": _pointer(path)}
        assert resolve({"#x": reference}, [("A", arguments, "c")], Budget(LIMITS)) == {"x": value}


@QUICK
@given(st.lists(st.lists(INTEGERS, max_size=3) | INTEGERS, max_size=5))
def test_a_star_makes_flat(items: list[Any]) -> None:
    reference = {"resultOf": "c", "name": "A", "path": "/list/*/x"}
    got = resolve({"#x": reference}, [("A", {"list": [{"x": one} for one in items]}, "c")], Budget(LIMITS))
    assert got["x"] == [inner for one in items for inner in (one if isinstance(one, list) else [one])]


@QUICK
@given(OBJECTS, st.text(max_size=12), st.text(max_size=3))
def test_a_reference_is_followed_or_refused(arguments: dict[str, Any], path: str, name: str) -> None:
    given_ = {"#x": {"resultOf": "c", "name": "A", "path": path}, name: 1}
    problem = refusal(lambda: resolve(given_, [("A", arguments, "c")], Budget(LIMITS)))
    assert problem is None or problem.kind in ("invalidResultReference", "invalidArguments")


@QUICK
@given(st.text(max_size=4), st.integers(0, 20))
def test_an_index_is_one_python_writes(token: str, length: int) -> None:
    assert (index(token, length) is not None) == (token in map(str, range(length)))


@QUICK
@given(OBJECTS, OBJECTS)
def test_a_whole_object_is_a_patch(target: dict[str, Any], other: dict[str, Any]) -> None:
    whole = {escape(name): value for name, value in other.items()}
    patched = apply(paths(whole, LIMITS), target, {})
    assert patched == {**target, **other} if None not in other.values() else True
    assert {name: patched.get(name) for name in other} == other


@QUICK
@given(OBJECTS, st.dictionaries(st.text(max_size=6) | NAMES, JSON, max_size=4))
def test_a_patch_does_what_it_says_or_nothing(target: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy(target)
    problem = refusal(lambda: apply(paths(patch, LIMITS), target, {}))
    if problem is not None:
        assert problem.kind == "invalidPatch"
    else:
        found = paths(patch, LIMITS)
        places = dict(_all(apply(found, target, {})))
        assert all(
            places.get(path) == value if value is not None else path not in places for path, value in found.items()
        )
    assert target == before


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@QUICK
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))
def test_dates_come_back(when: datetime) -> None:
    assert dates.read_date(dates.date(when)) == when
    assert dates.read_date(dates.date(when)).utcoffset() == when.utcoffset()
    assert dates.read_utc(dates.utc(when)) == when
    assert dates.read_utc(dates.utc(when)).tzinfo == UTC


@QUICK
@given(st.text(alphabet="0123456789-:TZ+.tz ", max_size=30))
def test_a_date_is_read_or_refused(text: str) -> None:
    try:
        dates.read_date(text)
    except ValueError:
        return


@QUICK
@given(st.text(alphabet=" ab'\"\\:", max_size=30))
def test_terms_are_never_empty(text: str) -> None:
    for term in read_terms(text):
        assert term.text.strip()
        assert term.phrase or not any(one.isspace() for one in term.text)


@QUICK
@given(st.lists(st.text(alphabet=" ab'\"\\", min_size=1, max_size=6).filter(str.strip), max_size=4))
def test_phrases_come_back(phrases: list[str]) -> None:
    quoted = ['"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in phrases]
    assert [term.text for term in read_terms(" ".join(quoted))] == [one.strip() for one in phrases]


@QUICK
@given(JSON, st.sampled_from(["Mailbox", "Email", "EmailSubmission", "Quota", "Principal", "ShareNotification"]))
def test_a_filter_is_read_or_refused(value: Any, kind: str) -> None:
    problem = refusal(lambda: leaves(read_filter(kind, value, LIMITS)))
    assert problem is None or problem.kind in ("invalidArguments", "unsupportedFilter")


@QUICK
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_an_object_is_taken_or_refused(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    given_ = data.draw(st.dictionaries(st.sampled_from(sorted(kind.properties)) | NAMES, JSON, max_size=6))
    patch = data.draw(st.dictionaries(st.sampled_from(sorted(kind.properties)) | NAMES, JSON, max_size=3))
    created = CreationIds(None, LIMITS)
    for problem in (
        refusal(lambda: kind.create(given_, created, LIMITS)),
        refusal(lambda: kind.update(given_, patch, created, LIMITS)),
    ):
        assert problem is None or isinstance(problem, SetError)
        assert problem is None or problem.kind != "invalidProperties" or problem.properties["properties"]


@pytest.mark.parametrize(("name", "given_"), [(case["of"], json.loads(case["create"])) for case in CREATED])
def test_a_whole_object_that_was_created_changes_nothing(name: str, given_: dict[str, Any]) -> None:
    created = CreationIds({"k1": "X1"}, LIMITS)
    made = KINDS[name].create(given_, created, LIMITS)
    assert KINDS[name].update(made, made, created, LIMITS) == {}


@QUICK
@given(OBJECTS, OBJECTS)
def test_the_state_of_a_session_is_its_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    urls = Urls("/api", "/d/{accountId}/{blobId}/{name}?t={type}", "/u/{accountId}", "/e?{types}{closeafter}{ping}")

    def made(capability: dict[str, Any]) -> dict[str, Any]:
        account = Account("joe", personal=True, read_only=False, capabilities={})
        return session("joe", urls, {"x": capability}, {"A1": account}, {uri.CORE: "A1", uri.MAIL: "A1"})

    assert made(one)["primaryAccounts"] == {uri.MAIL: "A1"}
    assert (made(one)["state"] == made(other)["state"]) == same(one, other)
