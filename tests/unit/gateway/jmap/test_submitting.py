"""gateway/jmap/submitting.py: what a crash between note, queue and record leaves, and what is swept."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.mailbox.types import OBJECT_BYTES_MAX
from cluster.errors import Unavailable
from gateway.jmap import submitting
from gateway.jmap.submission_records import BEGUN, KIND, Recipient, Submission, decoder, encode, fits, with_statuses
from gateway.jmap.submission_status import CANCELED, reply_of
from gateway.smtp.submitting import Rejected
from mail.smtp.replies import Reply
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.sending import HOPS
from tests.unit.gateway.jmap.world import World


class Drafting:
    """alice with a draft to bob and somebody elsewhere."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def begin(self) -> None:
        call = self.world.call
        (drafts,) = (await call("alice", "Mailbox/query", filter={"role": "drafts"}))["ids"]
        self.identity = (await call("alice", "Identity/get"))["list"][0]["id"]
        draft = {
            "mailboxIds": {drafts: True},
            "from": [{"email": "alice@example.org"}],
            "to": [{"email": "bob@example.org"}, {"email": "far@far.test"}],
            "subject": "Hello",
        }
        self.email = (await call("alice", "Email/set", create={"d": draft}))["created"]["d"]["id"]

    async def send(self) -> Any:
        create = {"s": {"emailId": self.email, "identityId": self.identity}}
        return await self.world.call("alice", "EmailSubmission/set", create=create)

    async def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.world.call("alice", "EmailSubmission/get"))["list"]
        return found

    async def notes(self) -> int:
        return len(await self.world.mail.objects(ALICE, BEGUN))

    async def bobs(self) -> int:
        return len((await self.world.call("bob", "Email/get", properties=[]))["list"])


async def drafting(world: World) -> Drafting:
    one = Drafting(world)
    await one.begin()
    return one


async def test_what_was_noted_and_not_queued_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        draft = await drafting(world)
        sending = world.jmap.sending
        assert sending is not None

        async def killed(_letter: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", killed)
            with pytest.raises(asyncio.CancelledError):
                await draft.send()
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (1, [], 0)
        assert await draft.listed() == []  # it may be under way still
        world.clock.advance(30)
        (one,) = await draft.listed()
        assert one["undoStatus"] == "final"
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (0, ["far.test waiting"], 1)
        assert await draft.listed() == [one]


async def test_what_was_queued_and_not_recorded_is_acknowledged_recorded_and_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with World() as world:
        draft = await drafting(world)
        put = world.mail.put_objects

        async def failing(account: int, changes: Sequence[tuple[str, str, bytes | None]], **how: Any) -> int:
            if any(kind == KIND for kind, _name, _value in changes):
                raise Unavailable("not now")
            return await put(account, changes, **how)

        with monkeypatch.context() as patch:
            patch.setattr(world.mail, "put_objects", failing)
            made = (await draft.send())["created"]["s"]
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (1, ["far.test waiting"], 1)
        await world.way.carry()
        world.clock.advance(30)
        (one,) = await draft.listed()
        assert one["id"] == made["id"]
        assert one["deliveryStatus"]["far@far.test"]["delivered"] == "unknown"
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (0, ["far.test delivered"], 1)
        assert len(world.way.hop.got) == 1


async def test_what_nobody_waits_for_any_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        draft = await drafting(world)
        sending = world.jmap.sending
        assert sending is not None

        async def killed(_letter: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", killed)
            with pytest.raises(asyncio.CancelledError):
                await draft.send()
        world.clock.advance(2 * 3600)
        assert await draft.listed() == []
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (0, [], 0)


@pytest.mark.parametrize(
    "trouble", [Unavailable("The queue is away."), Rejected("message", Reply(451, "4.3.0", "Try again later"))]
)
async def test_what_failed_though_it_was_queued_goes_on_if_it_is_asked_for_again(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World() as world:
        draft = await drafting(world)
        sending = world.jmap.sending
        assert sending is not None
        submit = sending.submissions.submit

        async def unanswered(letter: Any) -> None:
            await submit(letter)
            raise trouble

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", unanswered)
            assert not (await draft.send()).get("created")
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (1, ["far.test waiting"], 1)
        world.clock.advance(30)
        assert await draft.listed() == [], "he was told that it failed"
        made = (await draft.send())["created"]["s"]
        assert [one["id"] for one in await draft.listed()] == [made["id"]]
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (0, ["far.test waiting"], 1)


async def test_names_of_what_failed_are_kept_for_a_while_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "FAILED_MAX", 2)
    async with World() as world:
        drafts = [await drafting(world) for _ in range(4)]
        sending = world.jmap.sending
        assert sending is not None

        async def away(_letter: object) -> None:
            raise Unavailable("The queue is away.")

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", away)
            for draft in drafts:
                await draft.send()
                world.clock.advance(1)
        assert await drafts[0].notes() == 3
        world.clock.advance(2 * 3600)
        assert await drafts[0].listed() == []
        assert (await drafts[0].notes(), await world.way.entries(), await drafts[0].bobs()) == (0, [], 0)


async def test_who_heard_no_answer_and_asks_again_sends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        draft = await drafting(world)
        sending = world.jmap.sending
        assert sending is not None
        state = (await world.call("alice", "EmailSubmission/get"))["state"]
        submit = sending.submissions.submit

        async def killed(letter: Any) -> None:
            await submit(letter)
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", killed)
            with pytest.raises(asyncio.CancelledError):
                await draft.send()
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (1, ["far.test waiting"], 1)
        made = (await draft.send())["created"]["s"]
        assert [one["id"] for one in await draft.listed()] == [made["id"]]
        assert (await draft.notes(), await world.way.entries(), await draft.bobs()) == (0, ["far.test waiting"], 1)
        assert (await draft.send())["created"]["s"]["id"] != made["id"]  # who was answered may send it again

        with monkeypatch.context() as patch:
            patch.setattr(sending.submissions, "submit", killed)
            with pytest.raises(asyncio.CancelledError):
                await draft.send()
        current = (await world.call("alice", "EmailSubmission/get"))["state"]
        create = {"s": {"emailId": draft.email, "identityId": draft.identity}}
        for known in (state, current):  # and who compares states is told that something was sent
            answer = await world.call("alice", "EmailSubmission/set", create=create, ifInState=known)
            assert answer["type"] == "stateMismatch"
        assert len(await draft.listed()) == 3


async def test_a_defect_and_a_trouble_leave_a_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        draft = await drafting(world)
        sending = world.jmap.sending
        assert sending is not None
        for error, kind in ((RecursionError("a defect"), "serverFail"), (Unavailable("not now"), "rateLimit")):

            async def broken(_letter: object, error: Exception = error) -> None:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(sending.submissions, "submit", broken)
                answer = await draft.send()
                assert answer.get("type", "") == kind or answer["notCreated"]["s"]["type"] == kind
            assert (await draft.listed(), await draft.notes(), await world.way.entries()) == ([], 1, [])


async def test_a_queue_that_is_away_is_a_reason_to_try_again_later() -> None:
    async with World() as world:
        draft = await drafting(world)
        world.way.store.before = Unavailable("not now")
        answer = await draft.send()
        assert answer["notCreated"]["s"]["type"] == "rateLimit"
        world.way.store.before = None
        assert (await draft.listed(), await draft.notes()) == ([], 1)
        assert "created" in await draft.send()
        assert await draft.notes() == 0
        assert await draft.bobs() == 1  # who had it before has it once


async def test_calling_back_that_was_cut_short_is_finished() -> None:
    async with World() as world:
        draft = await drafting(world)
        create = {
            "s": {
                "emailId": draft.email,
                "identityId": draft.identity,
                "envelope": {
                    "mailFrom": {"email": "alice@example.org"},
                    "rcptTo": [{"email": "a@far.test"}, {"email": "b@other.test"}],
                },
            }
        }
        await world.call("alice", "EmailSubmission/set", create=create)
        ((name, value),) = await world.mail.objects(ALICE, KIND)
        one = decoder.decode(value)
        await world.way.queue.cancel(one.entries[0])
        await world.way.queue.hold(one.entries[1])
        marked = replace(one, marked_ms=world.clock.now_ms())
        await world.mail.put_objects(ALICE, [(KIND, name, encode(marked))])
        assert (await draft.listed())[0]["undoStatus"] == "pending"  # whoever does it has some time
        world.clock.advance(30)
        assert (await draft.listed())[0]["undoStatus"] == "canceled"
        assert await world.way.entries() == ["far.test cancelled", "other.test cancelled"]


async def test_records_are_swept_when_they_are_old_or_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "SUBMISSIONS_MAX", 3)
    async with World() as world:
        draft = await drafting(world)
        made = []
        for _ in range(5):
            made.append((await draft.send())["created"]["s"]["id"])
            await world.way.carry()
            world.clock.advance(1)
        assert {one["id"] for one in await draft.listed()} == set(made[-3:])
        world.clock.advance(91 * 86_400)
        last = (await draft.send())["created"]["s"]["id"]
        assert [one["id"] for one in await draft.listed()] == [last]
        world.way.hop.answers["far.test"] = HOPS["later"]
        for _ in range(2):
            assert (await draft.send())["created"] is not None
        assert (await draft.send())["notCreated"]["s"]["type"] == "overQuota"  # all wait still


def test_a_record_fits_whatever_is_said_of_its_recipients() -> None:
    people = tuple(Recipient(f"person-{number}@far.example.org", None) for number in range(1000))
    one = Submission(1, 2**60, "f" * 16, "I" + "f" * 14, 2**60, 2**60, "alice@example.org", None, people)
    assert fits(one)
    assert not fits(replace(one, recipients=people * 2))
    placed = tuple(replace(person, places=((9, 99),)) for person in people)
    said = {place: replace(CANCELED, reply=f"{place} 5.1.1 {'x' * 400}") for place in range(1000)}
    full = with_statuses(replace(one, recipients=placed, entries=(bytes(16),) * 10), said, relayed=True)
    assert len(encode(full)) <= OBJECT_BYTES_MAX
    assert decoder.decode(encode(full)) == full


def test_replies_are_one_line_with_a_code() -> None:
    results = [HOPS["ok"], HOPS["later"], HOPS["never"], msgspec.structs.replace(HOPS["later"], code=0, status="4.4.1")]
    assert [reply_of(one) for one in results] == [
        "250 2.0.0 taken", "451 4.3.0 not now", "550 5.1.1 nobody", "451 4.4.1 not now",
    ]  # fmt: skip
