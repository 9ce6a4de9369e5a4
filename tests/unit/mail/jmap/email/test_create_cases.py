"""Each object in creations/ becomes the message beside it; each in refusals/ is refused for the properties it names."""

import json
from pathlib import Path
from typing import Any

import pytest

from mail.jmap.email.checked_parts import DEPTH_MAX, PARTS_MAX
from mail.jmap.email.checks import HEADER_BYTES_MAX
from mail.jmap.email.create import plan_of, write
from mail.jmap.email.errors import Refused
from mail.jmap.email.names import PROPERTIES_MAX
from tests.unit.mail.jmap.email.creating import BLOBS, NOW_MS

HERE = Path(__file__).parent
CREATIONS = sorted((HERE / "creations").glob("*.json"))
REFUSALS = sorted((HERE / "refusals").glob("*.json"))


@pytest.mark.parametrize("case", CREATIONS, ids=lambda case: case.stem)
def test_creation(case: Path) -> None:
    plan = plan_of(json.loads(case.read_text("utf-8")))
    written = write(plan, BLOBS, "given@x.example", NOW_MS, 60)
    assert written == case.with_suffix(".eml").read_bytes()


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.stem)
def test_refusal(case: Path) -> None:
    expected = json.loads(case.read_text("utf-8"))
    with pytest.raises(Refused) as refused:
        plan_of(expected["email"])
    assert refused.value.type == "invalidProperties"
    assert list(refused.value.properties) == expected["properties"]
    assert refused.value.description.startswith(expected["properties"][0])


def test_there_are_cases() -> None:
    assert len(CREATIONS) >= 7
    assert len(REFUSALS) >= 40


def test_missing_blobs_are_named() -> None:
    parts = [{"blobId": "gone"}, {"blobId": "pdf"}, {"blobId": "lost"}, {"blobId": "gone"}]
    plan = plan_of({"attachments": parts})
    assert plan.blob_ids() == ("gone", "pdf", "lost")
    with pytest.raises(Refused) as refused:
        write(plan, BLOBS, "id", NOW_MS)
    assert (refused.value.type, refused.value.not_found) == ("blobNotFound", ("gone", "lost"))


def test_a_blob_counts_as_often_as_it_is_used() -> None:
    plan = plan_of({"attachments": [{"blobId": "pdf"}] * 3, "bodyValues": {"1": {"value": "x"}}})
    assert write(plan, BLOBS, "id", NOW_MS, bytes_max=3 * len(BLOBS["pdf"]))
    with pytest.raises(Refused) as refused:
        write(plan, BLOBS, "id", NOW_MS, bytes_max=3 * len(BLOBS["pdf"]) - 1)
    assert refused.value.type == "tooLarge"


def test_nothing_is_written_for_an_empty_list() -> None:
    written = write(plan_of({"cc": [], "messageId": [], "header:X:all": []}), {}, "id@x", NOW_MS)
    assert b"Cc" not in written
    assert b"X:" not in written
    assert b"Message-ID: <id@x>\r\n" in written


def _deep(levels: int) -> dict[str, Any]:
    part: dict[str, Any] = {"blobId": "pdf"}
    for _ in range(levels):
        part = {"subParts": [part]}
    return part


@pytest.mark.parametrize(
    "email",
    [
        {f"header:X-{number}": "x" for number in range(PROPERTIES_MAX + 1)},
        {"bodyStructure": {"subParts": [{"blobId": "pdf"}] * (PARTS_MAX + 1)}},
        {"attachments": [{"blobId": "pdf"}] * (PARTS_MAX + 1)},
        {"bodyStructure": _deep(DEPTH_MAX + 1)},
        {"header:X:all": ["x"] * 1000},
        {"to": [{"email": "a@b"}] * 10_000},
        {"subject": "x" * 100_000},
    ],
)
def test_bounds(email: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        plan_of(email)
    assert refused.value.type == "invalidProperties"


def test_a_header_that_could_not_be_read_again() -> None:
    with pytest.raises(Refused) as refused:
        plan_of({f"header:X-{number}:asText": "x " * 9000 for number in range(HEADER_BYTES_MAX // 18_000 + 1)})
    assert refused.value.type == "tooLarge"


def test_what_is_at_the_bounds_is_written_and_read() -> None:
    plan = plan_of({"bodyStructure": _deep(DEPTH_MAX)})
    assert b"%PDF" in write(plan, BLOBS, "id@x", NOW_MS)
