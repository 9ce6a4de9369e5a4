"""For any object: it is refused, or it is written as a message that is read as the object."""

import re
import unicodedata
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mail.jmap.email.bodies import leaves, tree
from mail.jmap.email.create import plan_of, write
from mail.jmap.email.errors import Refused
from mail.jmap.email.view import read
from mail.message.content import content_of
from mail.message.record import read_message
from tests.unit.mail.jmap.email.creating import BLOBS, NOW_MS
from tests.unit.mail.jmap.email.reading import blob_id, shown, view_of

slowly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
CHARACTERS = st.sampled_from("ab Z,.;:<>@()[]\"\\'=?_%*/\té\u0301ß漢\U0001f600\xa0") | st.characters(
    exclude_categories=("Cc", "Cs", "Zl", "Zp")
)
TEXT = st.text(CHARACTERS, max_size=120)
WORD = st.from_regex(r"[a-z0-9.+=_-]{1,20}", fullmatch=True)
EMAIL = st.from_regex(r"[a-z0-9+=_-]{1,9}(\.[a-z]{1,5})?@[a-z]{1,9}\.example", fullmatch=True)
NAME = st.none() | TEXT.map(str.strip).filter(bool)
ADDRESS = st.fixed_dictionaries({"name": NAME, "email": EMAIL})
ADDRESSES = st.lists(ADDRESS, min_size=1, max_size=4)
GROUPS = st.lists(
    st.fixed_dictionaries({"name": NAME, "addresses": st.lists(ADDRESS, max_size=3)}), min_size=1, max_size=3
)
IDS = st.lists(st.builds(lambda a, b: f"{a}@{b}", WORD, WORD), min_size=1, max_size=5)
DATE = st.builds(
    lambda moment, zone: f"{moment:%Y-%m-%dT%H:%M:%S}{zone}",
    st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1)),
    st.sampled_from(["Z", "+05:30", "-11:00"]),
)
BODY = st.text(CHARACTERS | st.just("\n"), max_size=300) | st.text("ab\n", max_size=1500) | st.just("x" * 1100)


def normal(value: Any) -> Any:
    """As it is read: in normal form C, tabs as spaces."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.replace("\t", " "))
    if isinstance(value, list):
        return [normal(one) for one in value]
    return {key: normal(one) for key, one in value.items()} if isinstance(value, dict) else value


def stripped(addresses: Any) -> Any:
    """The names of addresses without white space at their ends, of which nothing may be left."""
    return [one | {"name": one["name"] and one["name"].strip()} for one in normal(addresses)]


def check_lines(raw: bytes) -> None:
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert b"\0" not in raw
    header = raw.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"\r\n[ \t]*\r\n", header)


@slowly
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "subject": TEXT,
            "from": ADDRESSES,
            "to": ADDRESSES,
            "messageId": IDS.map(lambda ids: ids[:1]),
            "references": IDS,
            "sentAt": DATE,
            "header:X-Text:asText": TEXT,
            "header:X-Groups:asGroupedAddresses": GROUPS,
            "header:X-Ids:asMessageIds": IDS,
            "header:X-Urls:asURLs": st.lists(WORD.map("https://x.example/".__add__), min_size=1, max_size=5),
            "header:X-Texts:asText:all": st.lists(TEXT, min_size=1, max_size=3),
        },
    )
)
def test_headers_come_back(email: dict[str, Any]) -> None:
    raw = write(plan_of(email), {}, "given@x", NOW_MS)
    check_lines(raw)
    assert raw.isascii()
    back = shown(raw, {"properties": list(email)})
    for name, value in email.items():
        if name in ("from", "to"):
            assert back[name] == stripped(value), name
        elif name == "header:X-Groups:asGroupedAddresses":
            assert back[name] == _merged(value), name
        elif name == "sentAt":
            assert back[name] == value
        else:
            assert back[name] == normal(value), name


def _merged(groups: list[dict[str, Any]]) -> Any:
    """Neighbours outside groups are read as together."""
    found: list[dict[str, Any]] = []
    for group in groups:
        members = stripped(group["addresses"])
        if group["name"] is not None:
            found.append({"name": normal(group["name"]).strip(), "addresses": members})
        elif members and found and found[-1]["name"] is None:
            found[-1]["addresses"] += members
        elif members:
            found.append({"name": None, "addresses": members})
    return found


@slowly
@given(TEXT, ADDRESSES)
def test_python_reads_the_same(subject: str, to: list[dict[str, Any]]) -> None:
    """As the standard library's parser has it, but for what it does not unfold."""
    raw = write(plan_of({"subject": subject, "to": to}), {}, "given@x", NOW_MS)
    other = message_from_bytes(raw, policy=policy.default)
    assert [address.addr_spec for address in other["to"].addresses] == [one["email"] for one in to]
    assert normal(" ".join(str(other["subject"]).split())) == normal(" ".join(subject.split()))


PART = st.fixed_dictionaries(
    {"blobId": st.sampled_from(list(BLOBS))},
    optional={
        "type": st.sampled_from(["image/png", "text/plain", "application/x-a", "text/x"]),
        "name": TEXT.map(str.strip).filter(bool),
        "cid": WORD,
        "language": st.lists(st.sampled_from(["en", "de-DE"]), min_size=1, max_size=3),
        "location": WORD,
        "disposition": st.sampled_from(["attachment", "inline"]),
    },
)


@slowly
@given(st.none() | BODY, st.none() | BODY, st.lists(PART, max_size=4))
def test_lists_come_back(text: str | None, html: str | None, attachments: list[dict[str, Any]]) -> None:
    email: dict[str, Any] = {"bodyValues": {}}
    for name, kind, value in (("textBody", "plain", text), ("htmlBody", "html", html)):
        if value is not None:
            email[name] = [{"partId": kind, "type": f"text/{kind}"}]
            email["bodyValues"][kind] = {"value": value}
    if attachments:
        email["attachments"] = [one | {"disposition": "attachment"} for one in attachments]
    raw = write(plan_of(email), BLOBS, "given@x", NOW_MS)
    check_lines(raw)
    assert raw.isascii()
    record = read_message(raw)
    wanted = {"properties": ["textBody", "htmlBody", "attachments", "bodyValues"], "fetchAllBodyValues": True}
    back = shown(raw, wanted)
    for name, value in (("textBody", text), ("htmlBody", html)):
        if value is not None:
            (part,) = back[name]
            assert back["bodyValues"][part["partId"]] == {
                "value": value,
                "isEncodingProblem": False,
                "isTruncated": False,
            }
    assert len(back["attachments"]) == len(attachments)
    contents = {node.id: content_of(raw, node.part) for node in leaves(tree(record.root))}
    for given_part, part in zip(attachments, back["attachments"], strict=True):
        assert contents[part["partId"]] == BLOBS[given_part["blobId"]]
        assert part["size"] == len(BLOBS[given_part["blobId"]])
        assert part["disposition"] == "attachment"
        assert part["type"] == given_part.get("type", "application/octet-stream")
        for name in ("name", "cid", "language", "location"):
            assert part[name] == normal(given_part.get(name)), name


def structures() -> st.SearchStrategy[dict[str, Any]]:
    leaf = PART | st.just({"partId": "t", "type": "text/plain"})
    kinds = st.sampled_from(["mixed", "alternative", "related", "x-other"])
    return st.recursive(
        leaf,
        lambda parts: st.builds(
            lambda kind, children: {"type": f"multipart/{kind}", "subParts": children},
            kinds,
            st.lists(parts, min_size=1, max_size=3),
        ),
        max_leaves=8,
    )


@slowly
@given(structures(), BODY)
def test_structure_comes_back(structure: dict[str, Any], text: str) -> None:
    raw = write(plan_of({"bodyStructure": structure, "bodyValues": {"t": {"value": text}}}), BLOBS, "given@x", NOW_MS)
    check_lines(raw)
    back = shown(raw, {"properties": ["bodyStructure", "bodyValues"], "fetchAllBodyValues": True})
    _same(structure, back["bodyStructure"], back["bodyValues"], text)


def _same(given_part: dict[str, Any], part: dict[str, Any], values: dict[str, Any], text: str) -> None:
    children = given_part.get("subParts", [])
    assert part["type"] == given_part.get("type", "text/plain")
    assert part["disposition"] == given_part.get("disposition")
    assert part["name"] == normal(given_part.get("name"))
    assert len(part.get("subParts") or []) == len(children)
    if "partId" in given_part:
        assert values[part["partId"]]["value"] == text
    for one, child in zip(children, part.get("subParts") or [], strict=True):
        _same(one, child, values, text)


JSON = (
    st.none() | st.booleans() | st.integers() | TEXT | st.sampled_from(["t", "text/plain", "\r\n", "multipart/x", "\0"])
)
_NAMES = st.sampled_from(
    [
        *("type", "partId", "blobId", "subParts", "charset", "name", "disposition", "cid", "language", "location"),
        *("size", "header:X", "header:Content-Type", "header:Content-Disposition:asText", "email", "addresses"),
        *("value", "isTruncated", "headers", "t"),
    ]
)
OBJECT = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=12
)
PROPERTIES = st.sampled_from(
    [
        *("from", "subject", "messageId", "sentAt", "bodyStructure", "textBody", "htmlBody", "attachments"),
        *("bodyValues", "header:From:asRaw", "header:X:asAddresses", "header:X:asGroupedAddresses:all"),
        *("header:Y:asDate", "header:Z:asURLs", "header:Q", "header:U:asText"),
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(PROPERTIES, OBJECT, max_size=5))
def test_any_object_is_refused_or_written(email: dict[str, Any]) -> None:
    try:
        plan = plan_of(email)
    except Refused:
        return
    raw = write(plan, dict.fromkeys(plan.blob_ids(), b"\0\n"), "given@x", NOW_MS)
    check_lines(raw)
    read(view_of({}), read_message(raw), raw, blob_id)
