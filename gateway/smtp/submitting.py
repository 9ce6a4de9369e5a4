"""Submission without a session: a message that a gateway other than SMTP's sends for one of our people.

The law: it goes through all that a session at the submission port goes through, in the same order: rules, throttles and
milters, sender and recipients, the limits and extensions that are offered there, the message's own look, signing,
storing. Nothing is promised before it is durable; the same `ident` again stores nothing twice.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from actors.directory.types import Principal
from gateway.milter.peer import Peer
from gateway.smtp import trace
from gateway.smtp.accepting import Accepted, idem_of
from gateway.smtp.gates import Gates
from gateway.smtp.offering import Offering
from gateway.smtp.routing import Onward, Routes, Taken
from gateway.smtp.story import Story
from gateway.smtp.transaction import Transaction
from gateway.smtp.world import World
from mail.smtp.content import Content
from mail.smtp.events import Hello, MailFrom, Message, RcptTo
from mail.smtp.limits import Limits
from mail.smtp.offers import Offers, told
from mail.smtp.parameters import Refusal, parse_mail, parse_rcpt
from mail.smtp.replies import Reply
from mail.smtp.states import Role
from mail.smtp.words import xtext

Parameters = Mapping[str, str | None]
# What the message itself says, and is not for a client to say.
_OURS: Final = frozenset({"SIZE", "BODY", "SMTPUTF8"})
_XTEXT: Final = frozenset({"ENVID", "AUTH"})
_NEWLINES: Final = Reply(554, "5.6.0", "The message has line ends that are not CRLF")


class Address(NamedTuple):
    """Of an envelope: parameters without xtext, as RFC 8621 7 has them."""

    email: str
    parameters: Parameters = {}


class Letter(NamedTuple):
    """What is to be sent. `ident`: the same for the same, and for nothing else; it becomes the name in traces.
    `envid`: for notifications, where the sender gives none."""

    ident: str
    principal: Principal
    sender: Address
    recipients: tuple[Address, ...]
    body: bytes
    ip: str = ""
    envid: str = ""


class Path(NamedTuple):
    """Where a recipient's mail went: `here`: into a mailbox, where it is now; entries of the queue, with its place
    among the recipients of each."""

    email: str
    here: bool
    entries: tuple[tuple[bytes, int], ...]


class Submitted(NamedTuple):
    """It is durable. `due_ms`: when it is let go; 0: at once."""

    taken_ms: int
    due_ms: int
    paths: tuple[Path, ...]


class Rejected(Exception):
    """Nothing is sent: what was wrong, and what a client of SMTP would have been told; `recipients`: which of them."""

    def __init__(
        self,
        what: Literal["parameters", "sender", "recipients", "message"],
        reply: Reply,
        recipients: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reply.text)
        self.what = what
        self.reply = reply
        self.recipients = recipients


class Offered(NamedTuple):
    """What somebody may ask for, and how much he may send."""

    offers: Offers
    limits: Limits

    def extensions(self) -> dict[str, list[str]]:
        """The extensions that are not about the transport, with their arguments, as after EHLO."""
        return told(self.offers, self.limits.message_bytes_max)


class Submissions:
    """Takes messages. `protocol`: in Received, and the listener's name for rules."""

    def __init__(self, world: World, protocol: str) -> None:
        self._world = world
        self._protocol = protocol
        self._offering = Offering(
            world.settings, Role.SUBMISSION, world.directory, world.clock, starttls=False, bound=False
        )

    async def offered(self, principal: Principal, ip: str = "") -> Offered:
        """What is offered to who has logged in, under TLS."""
        if self._offering.is_plain:
            return Offered(self._offering.plain(True, True), self._offering.limits)
        gates = self._gates(Story(self._world.clock), principal, ip)
        assert gates is not None, "offers by rule need keepers"
        return Offered(*await self._offering.by_rule(True, True, gates.facts))

    async def submit(self, letter: Letter) -> Submitted:
        """Send it. Raises Rejected, Trouble: then nothing was promised."""
        world, story = self._world, Story(self._world.clock)
        offered = await self.offered(letter.principal, letter.ip)
        body = _body(letter.body, offered.limits, self._world)
        mail, rcpts = _envelope(letter, body, offered)
        gates = self._gates(story, letter.principal, letter.ip)
        story.of_connection("connection", "", ip=letter.ip, role=self._protocol)
        story.of_connection("auth", "ok", login=letter.principal.login)
        transaction = Transaction(world, gates, story, Role.SUBMISSION, host=world.host_name, ip=letter.ip)
        try:
            await self._opened(letter, gates, transaction, mail, rcpts, story)
            hello = Hello("EHLO", world.host_name)
            origin = trace.Origin(hello, letter.ip, Role.SUBMISSION, tls=True, authenticated=True, via=self._protocol)
            accepted = await transaction.take(Message(body, mail, rcpts), letter.ident, origin)
        finally:
            if gates is not None:
                await gates.close()
        answer = accepted.answers[0]
        world.log.info(
            "smtp.message",
            id=letter.ident,
            ip=letter.ip,
            sender=mail.sender,
            recipients=len(rcpts),
            size_bytes=len(body),
            login=letter.principal.login,
            codes=[answer.code],
        )
        if not answer.positive:
            raise Rejected("message", answer)
        return Submitted(transaction.began_ms, accepted.due_ms, self._paths(letter, rcpts, accepted))

    async def _opened(
        self,
        letter: Letter,
        gates: Gates | None,
        transaction: Transaction,
        mail: MailFrom,
        rcpts: Sequence[RcptTo],
        story: Story,
    ) -> None:
        """All that comes before the message. Raises Rejected, of which a trace is left."""
        host = self._world.host_name
        reply = None
        if gates is not None:
            reply = await gates.connect() or await gates.hello(host)
        reply = reply or await transaction.begin(mail, letter.principal, letter.ident, helo=host)
        if reply is not None:
            story.refuse(mail.sender, reply.code, reply.text)
            self._refused(letter, mail, story)
            raise Rejected("sender", reply)
        refused: dict[str, Reply] = {}
        for rcpt in rcpts:
            reply = await transaction.add(rcpt)
            if reply is not None:
                story.refuse(rcpt.recipient, reply.code, reply.text)
                refused[rcpt.recipient] = reply
        if refused:
            self._refused(letter, mail, story)
            raise Rejected("recipients", next(iter(refused.values())), tuple(refused))

    def _refused(self, letter: Letter, mail: MailFrom, story: Story) -> None:
        refused = tuple(story.refused)
        note = story.note(letter.ident, "intake", "refused", sender=mail.sender, recipients=refused)
        self._world.traces.tell(note)

    def _gates(self, story: Story, principal: Principal, ip: str) -> Gates | None:
        world = self._world
        if world.keepers is None:
            return None
        peer = Peer(
            ip=ip,
            host_name=world.host_name,
            listener=self._protocol,
            auth_type=self._protocol,
            auth_authen=principal.login,
        )
        return Gates(
            world.keepers,
            story,
            peer,
            listener=self._protocol,
            protocol=Role.SUBMISSION.value,
            remote_ip=ip,
            remote_port=0,
            local_ip="",
            local_port=0,
            is_tls=True,
            tls_version="",
            helo=world.host_name,
            authenticated=principal.login,
            account=principal.account,
            spf="none",
            iprev="none",
        )

    def _paths(self, letter: Letter, rcpts: Sequence[RcptTo], accepted: Accepted) -> tuple[Path, ...]:
        """Of all recipients of the letter; one that a filter took out went nowhere."""
        plan, outgoing = accepted.plan, self._world.outgoing
        found: dict[str, Path] = {}
        if plan is not None:
            for one, needed in zip(accepted.taken, plan.needs, strict=True):
                entries = tuple(
                    (outgoing.name_of(onward.domain, idem_of(letter.ident, onward)), place)
                    for onward, place in _places(one, [to for to in needed if isinstance(to, Onward)], plan)
                    if outgoing is not None
                )
                here = any(not isinstance(to, Onward) for to in needed)
                found[one.rcpt.recipient] = Path(one.rcpt.recipient, here, entries)
        return tuple(found.get(rcpt.recipient) or Path(rcpt.recipient, False, ()) for rcpt in rcpts)


def _places(one: Taken, needed: Sequence[Onward], plan: Routes) -> list[tuple[Onward, int]]:
    """Where its addresses stand in the entries."""
    return [
        (onward, place)
        for onward in needed
        for place, recipient in enumerate(plan.entries[onward])
        if recipient.address in one.elsewhere
    ]


def _body(body: bytes, limits: Limits, world: World) -> bytes:
    """The message as it would have come. Raises Rejected."""
    content = Content(limits.message_bytes_max)
    content.add_chunk(body)
    if content.overflow_bytes:
        text = f"Message too large; the limit is {limits.message_bytes_max} bytes"
        raise Rejected("message", Reply(552, "5.3.4", text))
    taken = content.take(world.settings.newlines())
    if taken is None:
        raise Rejected("message", _NEWLINES)
    return taken


def _envelope(letter: Letter, body: bytes, offered: Offered) -> tuple[MailFrom, tuple[RcptTo, ...]]:
    """The envelope by the grammar of SMTP. Raises Rejected."""
    offers, limits = offered
    if len(letter.recipients) > limits.recipients_max:
        raise Rejected("recipients", Reply(452, "4.5.3", f"At most {limits.recipients_max} recipients"))
    addresses = (letter.sender.email, *(one.email for one in letter.recipients))
    utf8 = not (trace.head_of(body).isascii() and all(address.isascii() for address in addresses))
    words = [f"SIZE={len(body)}"] if offers.size else []
    if not body.isascii():
        words.append("BODY=8BITMIME")
    if utf8:
        words.append("SMTPUTF8")
    given = dict(letter.sender.parameters)
    if letter.envid and offers.dsn and letter.sender.email and not any(name.upper() == "ENVID" for name in given):
        given["ENVID"] = letter.envid
    try:
        argument = " ".join([f"FROM:<{letter.sender.email}>", *words, *_words(given)])
        mail = parse_mail(argument.encode(), limits, offers, tls=True, authenticated=True)
    except (Refusal, UnicodeEncodeError) as error:
        raise Rejected("parameters", _reply_of(error)) from error
    rcpts = []
    for one in letter.recipients:
        try:
            argument = " ".join([f"TO:<{one.email}>", *_words(one.parameters)])
            rcpts.append(parse_rcpt(argument.encode(), limits, offers, smtputf8=True))
        except (Refusal, UnicodeEncodeError) as error:
            raise Rejected("parameters", _reply_of(error), (one.email,)) from error
    return mail, tuple(rcpts)


def _reply_of(error: Refusal | UnicodeEncodeError) -> Reply:
    return error.reply if isinstance(error, Refusal) else Reply(501, "5.5.4", "A parameter is no text")


def _words(parameters: Parameters) -> list[str]:
    """As they are said in SMTP. Raises Refusal: no value may say another parameter."""
    words = []
    for name, value in parameters.items():
        key = name.upper()
        if key in _OURS:
            continue
        if value is None:
            words.append(key)
            continue
        if key in _XTEXT:
            value = xtext(value)
        elif key == "ORCPT":
            kind, _, address = value.partition(";")
            value = f"{kind};{xtext(address)}"
        if not value.isprintable() or " " in value:
            raise Refusal(Reply(501, "5.5.4", f"Bad value of {key}"))
        words.append(f"{key}={value}")
    return words
