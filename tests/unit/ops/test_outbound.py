"""ops/outbound.py: what stands between the queue and other servers."""

import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.queue.outbox import Outbox
from actors.queue.types import Envelope, Recipient, Result, Shown, Work
from cluster.clock import ManualClock
from cluster.config.loading import load
from cluster.rules import Facts, Tools
from gateway.facts import known_at
from gateway.outbound.schedule import Circumstance, Pace
from gateway.throttles import Entry, Refusal, Throttles
from gateway.trust.signing import Signer, SigningSettings
from ops.core import Core, opened
from ops.notices import NoticeSigner
from ops.outbound import Forwarding, OutboundGate, hands
from ops.settings import Settings

BODY = b"From: a@far.test\r\nSubject: hello\r\n\r\nhello\r\n"
TO = Recipient("list@here.test", ("FAILURE",), "rfc822;list@here.test")


def mail(ident: str = "m1", recipient: Recipient = TO) -> Envelope:
    return Envelope("here.test", "a@far.test", (recipient,), bytes(32), 0, ident=ident, queued_ms=1000, priority=3)


async def queued(core: Core) -> list[Shown]:
    return sorted((await core.queue.list()).entries, key=lambda one: one.mail.recipients[0].address)


async def test_what_an_address_leads_on_to_is_queued_once_for_each(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core:
        forwarding = Forwarding(Outbox(core.queue, core.blobs, core.clock))
        onward = ("x@One.test", "y@two.test", "z@two.test")
        for _ in range(2):
            await forwarding.forward(mail(), TO, onward, BODY)
        entries = await queued(core)
        assert [one.mail.domain for one in entries] == ["one.test", "two.test", "two.test"]
        assert [one.mail.recipients for one in entries] == [(replace(TO, address=address),) for address in onward]
        assert {(one.mail.sender, one.mail.priority, one.mail.size) for one in entries} == {
            ("a@far.test", 3, len(BODY))
        }


async def test_who_was_meant_first_is_told_onward(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core:
        forwarding = Forwarding(Outbox(core.queue, core.blobs, core.clock))
        first = Recipient("list@here.test")
        await forwarding.forward(mail(recipient=first), first, ("x@one.test",), BODY)
        (entry,) = await queued(core)
        assert entry.mail.recipients == (Recipient("x@one.test", (), "rfc822;list@here.test"),)


async def test_another_message_on_the_same_long_way_is_another_entry(tmp_path: Path) -> None:
    far = Recipient("n" * 60 + "@a-domain-with-a-long-name.test")
    async with opened(tmp_path / "data") as core:
        forwarding = Forwarding(Outbox(core.queue, core.blobs, core.clock))
        for ident in ("m1", "m2"):
            await forwarding.forward(mail(ident, far), far, ("x@one.test",), BODY)
        assert len(await queued(core)) == 2


class Marking(Signer):
    """Says whose keys it would sign with."""

    def __init__(self) -> None:
        super().__init__(self, ManualClock(), SigningSettings())  # type: ignore[arg-type]

    async def sign(self, message: bytes, domain: str = "") -> bytes:
        return f"Signed: {len(message)} {domain}\r\n".encode()


async def test_notices_are_signed_by_their_authors_domain() -> None:
    assert (
        await NoticeSigner(Marking()).sign(BODY, "postmaster@Here.test")
        == b"Signed: %d here.test\r\n" % len(BODY) + BODY
    )


class Ruled(Throttles):
    """Two at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Facts]] = []
        self.inside = 0

    async def enter(self, at: Any, facts: Facts) -> Entry | Refusal:
        self.asked.append((at, facts))
        if self.inside == 1:
            return Refusal(4.5, "one-at-once")
        self.inside += 1
        return Leaving(self)


class Leaving(Entry):
    def __init__(self, of: Ruled) -> None:
        self._of = of

    async def leave(self) -> None:
        self._of.inside -= 1


async def test_throttles_know_all_that_leaves_and_give_places_back() -> None:
    throttles = Ruled()
    gate = OutboundGate(throttles, Tools(clock=ManualClock(), dice=random.Random(1)))
    work = Work(bytes(16), 4, 0, replace(mail(), size=77), tries=3, route="relay")
    leave = await gate.enter(work, "greylisted")
    assert await gate.enter(work, "greylisted") == 4.5
    assert not isinstance(leave, float)
    leave.leave()
    await gate.close()
    assert throttles.inside == 0
    at, facts = throttles.asked[0]
    assert at == "outbound"
    assert facts.keys() == known_at("outbound").keys()
    assert (facts["retry"], facts["cause"], facts["route"], facts["size"]) == (3, "greylisted", "relay", 77)
    assert (facts["sender_domain"], facts["recipient"], facts["priority"]) == ("far.test", "list@here.test", 3)


THROTTLE = """
[[throttle]]
name = "all"
at = "{at}"
concurrency = 1
"""


@pytest.mark.parametrize(("text", "is_gated"), [("", False), (THROTTLE.format(at="mail"), False),
                                                (THROTTLE.format(at="outbound"), True)])  # fmt: skip
async def test_hands_have_a_gate_only_where_something_is_throttled(tmp_path: Path, text: str, is_gated: bool) -> None:
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        made = await hands()(stack, core, load(Settings, text, {}))
        assert (made.gate is not None) is is_gated
        assert made.choose == Pace()


async def test_hands_go_by_the_rules_of_the_schedule(tmp_path: Path) -> None:
    text = "[queue.schedule]\nretry = [{ if = 'sender_domain == \"far.test\"', then = [7] }, { else = [8] }]"
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        made = await hands()(stack, core, load(Settings, text, {}))
        assert callable(made.choose)
        assert made.choose(Circumstance(mail(), 0, 1, "")).retry == (7,)


async def test_mail_for_an_address_of_ours_is_stored_and_not_sent(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        await core.directory.add_domain("here.test")
        await core.directory.add_account("list@here.test", "correct horse battery")
        made = await hands()(stack, core, Settings(hostname="mail.here.test"))
        (result,) = await made.courier.send(mail(), (0,), BODY)
        assert isinstance(result, Result)
        assert (result.outcome, result.host) == ("delivered", "local")
