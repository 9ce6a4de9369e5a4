"""What follows from the checks: every result of DMARC and SPF, with each setting."""

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import pytest

from cluster.clock import ManualClock
from gateway.facts import AtData
from gateway.smtp.screening import Screening, ScreenSettings
from gateway.smtp.story import Story
from gateway.smtp.trace import Origin
from gateway.trust.verdict import Envelope, Verdict
from mail.smtp.events import Hello
from mail.smtp.states import Role
from mail.trust.author import Author
from mail.trust.dmarc import DmarcResult
from mail.trust.spf import SpfResult
from tests.unit.gateway.smtp.fakes import Fakes, Talk

ORIGIN = Origin(Hello("EHLO", "client.test"), "192.0.2.1", Role.SMTP, False, False)
FIELD = b"Authentication-Results: mx.test; none\r\n"


class Sealed(NamedTuple):
    domain: str


class Chain(NamedTuple):
    result: str = "none"
    seals: tuple[Sealed, ...] = ()
    newest: str = ""
    why: str = ""
    oldest_pass: int = 0
    temporary: bool = False


class Checks:
    """Says what it was given."""

    authserv_id = "mx.test"

    def __init__(
        self,
        dmarc: DmarcResult | None,
        spf: str = "none",
        arc: Chain | None = None,
        author: Author = Author(("x.test",)),  # noqa: B008
    ) -> None:
        self.known = Envelope("192.0.2.1", "client.test", "a@x.test")
        self.known = replace(self.known, spf=SpfResult(spf, "x.test", "mailfrom"))  # type: ignore[arg-type]
        self.verdict = Verdict(self.known, author, (), arc, dmarc, FIELD, ())

    async def envelope(self, ip: str, helo: str, sender: str) -> Envelope:
        return self.known

    async def run(self, **_of: Any) -> Verdict:
        return self.verdict

    def without_forgeries(self, head: bytes) -> bytes:
        return head.replace(b"Authentication-Results: mx.test; dmarc=pass\r\n", b"")


async def look(checks: Checks, body: bytes = b"From: a@x.test\r\n\r\nbody", **settings: Any) -> Any:
    head = body.partition(b"\r\n\r\n")[0] + b"\r\n"
    chosen: Any = {name: AtData.of(value) if isinstance(value, str) else value for name, value in settings.items()}
    screening = Screening(checks, ScreenSettings(**chosen))
    return await screening.look(ORIGIN, "a@x.test", body, head, Story(ManualClock()))


def failed(disposition: Literal["none", "quarantine", "reject"]) -> DmarcResult:
    return DmarcResult("fail", "x.test", disposition, disposition, "p", "x.test")


@pytest.mark.parametrize(
    ("dmarc", "settings", "outcome"),
    [
        (failed("reject"), {}, "550"),
        (failed("quarantine"), {}, "Junk"),
        (failed("none"), {}, "INBOX"),
        (failed("reject"), {"dmarc": "junk"}, "Junk"),
        (failed("reject"), {"dmarc": "note"}, "INBOX"),
        (DmarcResult("pass", "x.test", "none", "reject"), {}, "INBOX"),
        (DmarcResult("temperror", "x.test"), {}, "451"),
        (DmarcResult("temperror", "x.test"), {"on_temporary": "accept"}, "INBOX"),
        (DmarcResult("permerror", "x.test"), {}, "INBOX"),
        (None, {}, "INBOX"),
    ],
)
async def test_what_dmarc_asks_for(dmarc: DmarcResult | None, settings: dict[str, Any], outcome: str) -> None:
    found = await look(Checks(dmarc), **settings)
    assert (str(found.refusal.code) if found.refusal else found.mailbox) == outcome
    assert found.front == FIELD


@pytest.mark.parametrize(
    ("author", "setting", "outcome"),
    [
        (Author(problem="2 From fields", misleading=True), "enforce", "550"),
        (Author(problem="2 From fields", misleading=True), "junk", "Junk"),
        (Author(problem="2 From fields", misleading=True), "note", "INBOX"),
        (Author(("bank.test", "[192.0.2.1]")), "enforce", "550"),
        (Author(problem="no From field"), "enforce", "INBOX"),
        (Author(("localhost",)), "enforce", "INBOX"),
    ],
)
async def test_a_from_that_may_show_somebody_else(author: Author, setting: str, outcome: str) -> None:
    found = await look(Checks(DmarcResult("permerror"), author=author), dmarc=setting)
    assert (str(found.refusal.code) if found.refusal else found.mailbox) == outcome


async def test_spf_alone_refuses_only_where_it_is_told_to() -> None:
    assert (await look(Checks(None, "fail"))).refusal is None
    assert (await look(Checks(None, "fail"), spf="reject")).refusal.code == 550
    for result in ("softfail", "temperror", "permerror", "none"):
        assert (await look(Checks(None, result), spf="reject")).refusal is None


@pytest.mark.parametrize(
    ("chain", "trusted"),
    [
        (Chain("pass", (Sealed("List.test"),), "list.test; dmarc=pass header.from=x.test"), True),
        (Chain("pass", (Sealed("list.test"),), "list.test; dmarc=fail header.from=x.test"), False),
        (Chain("pass", (Sealed("list.test"),), "list.test; dmarc=pass header.from=evil.test; dmarc=fail"), False),
        (Chain("pass", (Sealed("list.test"),), "list.test; spf=pass"), False),
        (Chain("pass", (), ""), False),
        (Chain("pass", (Sealed("other.test"),), "list.test; dmarc=pass"), False),
        (Chain("pass", (Sealed("list.test"), Sealed("other.test")), "list.test; dmarc=pass"), False),
        (Chain("fail", (Sealed("list.test"),), "list.test; dmarc=pass"), False),
        (Chain("pass", (Sealed("list.test"),), "garbage"), False),
        (Chain("none"), False),
    ],
)
async def test_a_trusted_forwarder_is_believed_if_its_chain_holds(chain: Chain, trusted: bool) -> None:
    found = await look(Checks(failed("reject"), arc=chain), trusted_sealers=("list.test",))
    assert (found.refusal is None) is trusted
    assert found.overridden == ("trusted_forwarder" if trusted else "")
    assert (await look(Checks(failed("reject"), arc=chain))).refusal is not None


async def test_what_claims_to_be_ours_is_removed() -> None:
    body = b"Authentication-Results: mx.test; dmarc=pass\r\nFrom: a@x.test\r\n\r\nbody"
    found = await look(Checks(None), body)
    assert found.body == b"From: a@x.test\r\n\r\nbody"


async def test_results_in_a_word_for_rules() -> None:
    found = await look(Checks(failed("none"), "softfail", Chain("fail")))
    assert found.said == {"spf": "softfail", "dmarc": "fail", "arc": "fail"}
    screening = Screening(Checks(None, "fail"), ScreenSettings())
    assert await screening.of_envelope("192.0.2.1", "c", "a@x.test") == {"spf": "fail"}


async def test_our_people_cannot_write_our_results_either() -> None:
    """RFC 8601 5: only what comes from a server that is trusted with it may bring it."""
    fakes = Fakes()
    screening = Screening(Checks(None), ScreenSettings())
    fakes.world = replace(fakes.world, screening=screening)
    talk = Talk(fakes, "submission", tls=True)
    await talk.say("EHLO laptop", "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v")
    forged = b"Authentication-Results: mx.test; dmarc=pass\nFrom: alice@example.test\n\nbody"
    assert (await talk.send("alice@example.test", ["bob@example.test"], forged))[0].startswith("250")
    ((_, raw),) = fakes.intake.stored
    assert b"Authentication-Results" not in raw
    assert raw.endswith(b"\r\nFrom: alice@example.test\r\n\r\nbody\r\n")
