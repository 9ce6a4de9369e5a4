"""All that the settings let decide over a client, step by step: throttles, rules, milters. One for each connection.

The law: each step is asked once, in this order, and the first that refuses is the answer. Where nothing is set up a
step costs a comparison. What was decided, and by which rule, is noted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cluster.rules import Choice, Facts, Tools
from gateway.facts import set_recipient, set_sender
from gateway.milter.chain import Milters, MilterSession
from gateway.milter.peer import Peer
from gateway.milter.verdict import Verdict as MilterVerdict
from gateway.rewriting import Rewriting
from gateway.smtp.gatesettings import ACCEPT, DISCARD, JUNK, GateSettings, reply_of
from gateway.smtp.screening import NOTHING
from gateway.smtp.story import Story
from gateway.throttles import At, Entry, Throttles
from gateway.throttles import Refusal as Throttled
from mail.milter.apply import Envelope as MilterEnvelope
from mail.milter.apply import Recipient as MilterRecipient
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import Reply
from mail.smtp.words import mail_words, rcpt_words

BAD_RULE: Final = Reply(451, "4.3.5", "A rule of this server is wrong; try again later")
WAIT_S_MAX: Final = 9999
REPLY_CHARS_MAX: Final = 400  # of a rule's reply with its code, once facts are filled in; a line has 512


@dataclass(frozen=True)
class Keepers:
    """What all connections of a gateway share."""

    settings: GateSettings
    tools: Tools
    rewriting: Rewriting
    throttles: Throttles | None = None
    milters: Milters | None = None

    @property
    def wants_opening(self) -> bool:
        """Whether anything is asked before the greeting."""
        throttled = self.throttles is not None and self.throttles.has("connect")
        return throttled or self.milters is not None or not _takes_all(self.settings.rules.connect)

    @property
    def wants_checks(self) -> bool:
        """Whether rules at MAIL or RCPT name what SPF or iprev say."""
        rules = self.settings
        some = (rules.rules.mail, rules.rules.rcpt, rules.rewrite.sender, rules.rewrite.recipient, rules.relay)
        named = {name for choice in some for name in choice.names}
        if self.throttles is not None:
            named |= self.throttles.names(("mail", "rcpt"))
        return bool(named & {"spf", "iprev"})


class Passed(NamedTuple):
    """What the last gate says of a message. `reply`: it is refused. `discard`: it is taken, and forgotten."""

    body: bytes
    sender: str
    added: tuple[str, ...] = ()  # recipients that a milter added
    removed: frozenset[str] = frozenset()
    reply: Reply | None = None
    discard: bool = False
    junk: bool = False
    held: str = ""  # why a milter wants it held back


class Gates:
    """Those of one connection."""

    def __init__(self, keepers: Keepers, story: Story, peer: Peer, **known: Any) -> None:
        """`known`: the facts that hold from the beginning."""
        self._keepers = keepers
        self._rules = keepers.settings.rules
        self._story = story
        self._peer = peer
        self.facts = Facts(keepers.tools, **known)
        self._milters: MilterSession | None = keepers.milters.session() if keepers.milters is not None else None
        self._entries: list[Entry] = []  # held while the connection is
        self._message_entries: list[Entry] = []  # held while a message is under way

    # -- the connection --------------------------------------------------------------------------------------------

    async def connect(self) -> Reply | None:
        """Before the greeting."""
        reply = await self._throttled("connect", self._entries) or await self._ruled("connect", self._rules.connect)
        if reply is not None or self._milters is None:
            return reply
        return self._refused(await self._milters.connect(self._peer))

    def know(self, peer: Peer, **known: Any) -> None:
        """More is known: TLS, a login."""
        self._peer = peer
        self.facts |= known
        if self._milters is not None:
            self._milters.know(peer)

    async def hello(self, name: str) -> Reply | None:
        """EHLO, HELO, LHLO."""
        before, self.facts["helo"] = self.facts["helo"], name
        reply = await self._ruled("hello", self._rules.hello)
        if reply is not None:
            self.facts["helo"] = before
            return reply
        await self.over()
        return None if self._milters is None else self._refused(await self._milters.helo(name))

    async def close(self) -> None:
        """The connection has ended."""
        try:
            await self.over()
        finally:
            if self._milters is not None:
                self._milters.close()
        await _left(self._entries)

    # -- a message -------------------------------------------------------------------------------------------------

    async def sender(self, event: MailFrom) -> str:
        """The sender, rewritten; also begins the facts of a message."""
        facts = self.facts
        set_sender(facts, event.sender)
        facts["size"], facts["priority"], facts["recipients"] = event.size_bytes, event.priority, 0
        rewritten = await self._keepers.rewriting.sender(facts)
        if rewritten.reason:
            self._story.fact("rule", "sender rewritten", rule=rewritten.reason, of=event.sender, to=rewritten.address)
            set_sender(facts, rewritten.address)
        return rewritten.address

    async def mail(self, event: MailFrom, ident: str) -> Reply | None:
        """MAIL, with the facts that `sender` began."""
        await self.over()
        entries = self._message_entries
        reply = await self._throttled("mail", entries) or await self._ruled("mail", self._rules.mail)
        if reply is None and self._milters is not None:
            reply = (await self._milters.mail(event.sender, mail_words(event), ident=ident)).reply
            self._tell_of_milters()
        if reply is not None:
            await self.over()
        return reply

    async def recipient(self, event: RcptTo) -> str:
        """The recipient, rewritten."""
        facts = self.facts
        set_recipient(facts, event.recipient)
        rewritten = await self._keepers.rewriting.recipient(facts)
        if rewritten.reason:
            self._story.fact(
                "rule", "recipient rewritten", rule=rewritten.reason, of=event.recipient, to=rewritten.address
            )
            set_recipient(facts, rewritten.address)
        return rewritten.address

    async def relays(self) -> bool:
        """Whether the recipient's mail is taken though it is another server's."""
        picked = await self._keepers.settings.relay.choose_with_reason(self.facts)
        if picked.value and picked.reason:
            self._story.fact("rule", "relay", rule=picked.reason)
        return picked.value

    async def rcpt(self, event: RcptTo) -> Reply | None:
        """RCPT, once we would take it."""
        reply = await self._throttled("rcpt", self._message_entries) or await self._ruled("rcpt", self._rules.rcpt)
        if reply is None and self._milters is not None:
            reply = (await self._milters.rcpt(event.recipient, rcpt_words(event))).reply
            self._tell_of_milters()
        if reply is None:
            self.facts["recipients"] += 1
        return reply

    async def data(self, event: MailFrom, recipients: Sequence[RcptTo], body: bytes, checked: dict[str, str]) -> Passed:
        """The message, and what the checks say of it."""
        facts = self.facts
        facts |= NOTHING | checked
        facts["size"] = len(body)
        passed = Passed(body, event.sender)
        if reply := await self._throttled("data", self._message_entries):
            return passed._replace(reply=reply)
        word, reply = await self._word("data", self._rules.data)
        if reply is not None:
            return passed._replace(reply=reply)
        passed = passed._replace(junk=word == JUNK, discard=word == DISCARD)
        if self._milters is None or passed.discard:
            return passed
        await self._milters.data()
        told = tuple(MilterRecipient(one.recipient, rcpt_words(one)) for one in recipients)
        verdict = await self._milters.message(MilterEnvelope(event.sender, mail_words(event), told), body)
        return self._of_milters(passed, recipients, verdict)

    def _of_milters(self, passed: Passed, recipients: Sequence[RcptTo], verdict: MilterVerdict) -> Passed:
        self._tell_of_milters()
        if verdict.reply is not None:
            return passed._replace(reply=verdict.reply)
        if verdict.how == "discard" or verdict.envelope is None or verdict.message is None:
            return passed._replace(discard=verdict.how == "discard")
        before = {one.recipient for one in recipients}
        after = {one.address for one in verdict.envelope.recipients}
        return passed._replace(
            body=verdict.message,
            sender=verdict.envelope.sender,
            added=tuple(one.address for one in verdict.envelope.recipients if one.address not in before),
            removed=frozenset(before - after),
            held=(verdict.reason or verdict.by) if verdict.how == "quarantine" else "",
        )

    async def over(self) -> None:
        """The message has ended, one way or another."""
        await _left(self._message_entries)
        if self._milters is not None:
            await self._milters.abort()

    # -- how each is asked -----------------------------------------------------------------------------------------

    def _refused(self, verdict: MilterVerdict) -> Reply | None:
        """The reply to a step of the connection. What milters did in it is told with the first message, or else here:
        the story of a message begins after it."""
        if verdict.reply is not None:
            self._tell_of_milters()
        return verdict.reply

    def _tell_of_milters(self) -> None:
        assert self._milters is not None
        self._story.add(tuple(self._milters.take_facts()))

    async def _throttled(self, at: At, entries: list[Entry]) -> Reply | None:
        throttles = self._keepers.throttles
        if throttles is None or not throttles.has(at):
            return None
        found = await throttles.enter(at, self.facts)
        if isinstance(found, Throttled):
            self._story.fact("throttle", "wait", name=found.throttle, seconds=round(found.seconds, 1))
            seconds = min(WAIT_S_MAX, max(1, round(found.seconds)))
            return Reply(421 if at == "connect" else 451, "4.7.1", f"Too much for now; try again in {seconds} seconds")
        if found.holds:
            entries.append(found)
        return None

    async def _ruled(self, at: str, choice: Choice[str]) -> Reply | None:
        return None if _takes_all(choice) else (await self._word(at, choice))[1]

    async def _word(self, at: str, choice: Choice[str]) -> tuple[str, Reply | None]:
        """What a rule says: its word, and a reply where it refuses."""
        if _takes_all(choice):
            return ACCEPT, None
        picked = await choice.choose_with_reason(self.facts)
        if picked.value != ACCEPT:
            self._story.fact("rule", picked.value, at=at, rule=picked.reason)
        if picked.value in (ACCEPT, JUNK, DISCARD):
            return picked.value, None
        said = "".join([sign if " " <= sign <= "~" else "?" for sign in picked.value[:REPLY_CHARS_MAX]])
        return "", reply_of(said) or BAD_RULE


def _takes_all(choice: Choice[str]) -> bool:
    return choice.is_plain and choice.values[0] == ACCEPT


async def _left(entries: list[Entry]) -> None:
    """All at once: a client waits for it, and a shard that is away keeps each waiting."""
    gone = entries.copy()
    entries.clear()
    if gone:
        await asyncio.gather(*(entry.leave() for entry in gone))
