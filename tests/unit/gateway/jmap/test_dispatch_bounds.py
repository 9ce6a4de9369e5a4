"""What one request makes of little: answers that would be many times what was asked."""

from typing import Any

import pytest

from gateway.access.ids import account_id
from gateway.jmap import turn
from mail.jmap.limits import Limits
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.world import World

MESSAGE = b"From: a@example.test\r\nSubject: x\r\n\r\n" + b"text " * 100 + b"\r\n"


def wrapped(calls: int) -> list[list[Any]]:
    """Each call has all of the last one's answer, in an object."""
    first: list[list[Any]] = [["Core/echo", {"x": 1}, "0"]]
    for number in range(1, calls):
        reference = {"resultOf": str(number - 1), "name": "Core/echo", "path": ""}
        first.append(["Core/echo", {"#x": reference}, str(number)])
    return first


async def test_an_answer_that_references_nest_too_deeply() -> None:
    deep: Any = 1
    for _ in range(240):
        deep = [deep]
    calls = wrapped(20)
    calls[0][1]["x"] = deep
    async with World() as world:
        answer = await world.ask("alice", calls)  # the whole of it can be written
    kinds = [name for name, _told, _call in answer["methodResponses"]]
    assert kinds[0] == "Core/echo"
    assert kinds[-1] == "error"


async def test_all_calls_of_a_request_share_the_room_for_emails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "ANSWER_BYTES_MAX", 1500)
    async with World() as world:
        await world.deliver(MESSAGE, ALICE)
        mine = world.turn("alice")
        reached = await mine.owned(account_id(ALICE))
        sight = await mine.sight(reached)
        (number,) = sight.table().rows.emails.tolist()
        asked = {"accountId": reached.id, "ids": [reached.email_id(number)], "fetchAllBodyValues": True}
        asked["properties"] = ["bodyValues"]
        answer = await world.ask("alice", [["Email/get", asked, str(at)] for at in range(3)])
    told = [(name, told.get("type")) for name, told, _call in answer["methodResponses"]]
    assert told == [("Email/get", None), ("Email/get", None), ("error", "requestTooLarge")]


async def test_an_email_is_in_no_more_mailboxes_than_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "limits", Limits(objects_set_max=2))
    async with World() as world:
        boxes = [one["id"] for one in (await world.call("alice", "Mailbox/get"))["list"]]
        made = await world.call(
            "alice",
            "Email/set",
            create={
                "two": {"mailboxIds": dict.fromkeys(boxes[:2], True)},
                "three": {"mailboxIds": dict.fromkeys(boxes[:3], True)},
            },
        )
        email = made["created"]["two"]["id"]
        patches = [
            {f"mailboxIds/{boxes[1]}": True},
            {f"mailboxIds/{boxes[2]}": True},
            {f"mailboxIds/{boxes[2]}": True, f"mailboxIds/{boxes[0]}": None},
            {"mailboxIds": dict.fromkeys(boxes[:3], True)},
        ]
        answers = [await world.call("alice", "Email/set", update={email: patch}) for patch in patches]
    assert made["notCreated"] == {"three": {"type": "tooManyMailboxes"}}
    refused = [answer["notUpdated"] for answer in answers]
    assert refused == [None, {email: {"type": "tooManyMailboxes"}}, None, {email: {"type": "tooManyMailboxes"}}]
