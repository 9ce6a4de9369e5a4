"""What is made of the checks on a message from outside: refused, put into Junk, or taken; and what is written on it.

The law: who has logged in is not checked. A temporary failure of the DNS is a temporary answer, never a pass or a fail.
What a message claims under our own name is removed before anybody reads it.
"""

from typing import Annotated, Final, Literal, NamedTuple, Protocol, TypeVar

from msgspec import Meta, Struct

from cluster.rules import Facts
from gateway.facts import AtData
from gateway.smtp import replies
from gateway.smtp.story import Story
from gateway.smtp.trace import Origin
from gateway.trust.verdict import Envelope, Verdict
from mail.smtp.replies import Reply
from mail.trust import authres

W = TypeVar("W")
NOTHING: Final = {"spf": "none", "iprev": "none", "dkim": "none", "dmarc": "none", "arc": "none"}
JUNK: Final = "Junk"  # the mailbox; INBOX where an account has none


class ScreenSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows from the checks on mail from other servers."""

    dmarc: Annotated[
        AtData[Literal["enforce", "junk", "note"]],
        Meta(
            description="Mail that fails DMARC. enforce: what the domain asks for, refused or into Junk. junk: into "
            "Junk, whatever it asks for. note: only written on it. Mail whose From cannot be judged, and may show "
            "several authors, is refused, put into Junk, or noted."
        ),
    ] = AtData.of("enforce")
    spf: Annotated[
        AtData[Literal["reject", "note"]],
        Meta(
            description="Mail whose sender SPF says may not send from there. note: only written on it, and left to "
            "DMARC, as forwarded mail fails often."
        ),
    ] = AtData.of("note")
    on_temporary: Annotated[
        AtData[Literal["defer", "accept"]],
        Meta(
            description="Mail that DMARC cannot judge because the DNS does not answer. defer: the sender is told to "
            "try again. accept: taken, with temperror written on it."
        ),
    ] = AtData.of("defer")
    trusted_sealers: Annotated[
        tuple[str, ...],
        Meta(
            description="Domains of forwarders whose ARC seals are believed: mail that fails DMARC here is taken if "
            "it passed there."
        ),
    ] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing of it is said by rules."""
        return self.dmarc.is_plain and self.spf.is_plain and self.on_temporary.is_plain


class Checking(Protocol):
    """`gateway.trust.checks.Checks`."""

    @property
    def authserv_id(self) -> str: ...

    async def envelope(self, ip: str, helo: str, sender: str) -> Envelope:
        """SPF and iprev. Raises nothing."""
        ...

    async def run(self, *, ip: str, helo: str, sender: str, message: bytes) -> Verdict:
        """All checks. Raises nothing."""
        ...

    def without_forgeries(self, head: bytes) -> bytes:
        """A header without Authentication-Results that claim to be ours."""
        ...


class Screened(NamedTuple):
    """What becomes of a message. `front`: fields to stand before it; `verdict`: None where it was not checked."""

    body: bytes
    refusal: Reply | None = None
    front: bytes = b""
    mailbox: str = "INBOX"
    verdict: Verdict | None = None
    overridden: str = ""  # why less was done than DMARC asks for

    said: dict[str, str] = {}  # the results in a word each, for rules


def said_of(verdict: Verdict) -> dict[str, str]:
    """The results in a word each."""
    envelope, dkim = verdict.envelope, [one.result for one in verdict.dkim or ()]
    found = {
        "spf": envelope.spf.result if envelope.spf else None,
        "iprev": envelope.iprev.result if envelope.iprev else None,
        "dkim": "pass" if "pass" in dkim else dkim[0] if dkim else None,
        "dmarc": verdict.dmarc.result if verdict.dmarc else None,
        "arc": verdict.arc.result if verdict.arc else None,
    }
    return {name: str(result) for name, result in found.items() if result is not None}


async def _chosen(choice: AtData[W], facts: Facts | None) -> W:
    return choice.pick({}) if facts is None else await choice.choose(facts)


class Screening:
    """Looks at messages from other servers."""

    def __init__(self, checks: Checking, settings: ScreenSettings) -> None:
        self._checks = checks
        self._settings = settings

    @property
    def authserv_id(self) -> str:
        """Our name in Authentication-Results."""
        return self._checks.authserv_id

    async def of_envelope(self, ip: str, helo: str, sender: str) -> dict[str, str]:
        """What SPF and iprev say before the message is here, for rules."""
        found = await self._checks.envelope(ip, helo, sender)
        said = {"spf": found.spf.result if found.spf else None, "iprev": found.iprev.result if found.iprev else None}
        return {name: str(result) for name, result in said.items() if result is not None}

    def cleaned(self, body: bytes, head: bytes) -> bytes:
        """A message without results that claim to be ours: for all but what another server of ours brings."""
        clean = self._checks.without_forgeries(head)
        return body if clean is head else clean + body[len(head) :]

    async def look(
        self, origin: Origin, sender: str, body: bytes, head: bytes, story: Story, facts: Facts | None = None
    ) -> Screened:
        """Check a message; what was seen goes into the story. `facts`: for rules, where there are any."""
        helo = origin.hello.name
        verdict = await self._checks.run(ip=origin.ip, helo=helo, sender=sender, message=body)
        story.add(verdict.facts)
        body = self.cleaned(body, head)
        said = said_of(verdict)
        if facts is not None:
            facts |= NOTHING | said
            facts["size"] = len(body)
        refusal, mailbox, overridden = await self._judged(verdict, facts)
        if overridden:
            story.fact("policy", "overridden", why=overridden)
        return Screened(body, refusal, verdict.authentication_results, mailbox, verdict, overridden, said)

    async def _judged(self, verdict: Verdict, facts: Facts | None) -> tuple[Reply | None, str, str]:
        """The refusal, the mailbox, and why DMARC's wish is not followed."""
        settings = self._settings
        spf, dmarc = verdict.envelope.spf, verdict.dmarc
        if spf is not None and spf.result == "fail" and await _chosen(settings.spf, facts) == "reject":
            return replies.SPF_FAILED, "INBOX", ""
        if dmarc is None:
            return None, "INBOX", ""
        if dmarc.result == "temperror" and await _chosen(settings.on_temporary, facts) == "defer":
            return replies.DNS_LATER, "INBOX", ""
        if dmarc.result == "permerror" and (verdict.author.misleading or len(verdict.author.domains) > 1):
            return await self._of_nobody_in_particular(facts)
        if dmarc.result != "fail" or dmarc.disposition == "none":
            return None, "INBOX", ""
        if self._was_good_at_a_trusted_sealer(verdict):
            return None, "INBOX", "trusted_forwarder"
        what = await _chosen(settings.dmarc, facts)
        if what == "note":
            return None, "INBOX", "local_policy"
        if what == "enforce" and dmarc.disposition == "reject":
            return replies.DMARC_FAILED, "INBOX", ""
        return None, JUNK, "local_policy" if dmarc.disposition == "reject" else ""

    async def _of_nobody_in_particular(self, facts: Facts | None) -> tuple[Reply | None, str, str]:
        """From names several, or can be read as somebody else, and DMARC could not judge it (RFC 7489 6.6.1): a domain
        that asks for protection may be among them."""
        what = await _chosen(self._settings.dmarc, facts)
        return (replies.WHOSE if what == "enforce" else None), ("INBOX" if what == "note" else JUNK), ""

    def _was_good_at_a_trusted_sealer(self, verdict: Verdict) -> bool:
        """RFC 8617 7.2.1: the newest set's own results, if the chain holds and its sealer is trusted. Of several
        authors there may be several results: none may be another than pass."""
        arc = verdict.arc
        if arc is None or arc.result != "pass" or not self._settings.trusted_sealers or not arc.seals:
            return False
        if arc.seals[-1].domain.lower() not in map(str.lower, self._settings.trusted_sealers):
            return False
        found = authres.parse(arc.newest.encode())
        results = [one.result for one in found.results if one.method == "dmarc"] if found is not None else []
        return set(results) == {"pass"}
