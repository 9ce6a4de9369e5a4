"""Commands about the session itself: CAPABILITY, NOOP, LOGOUT, ID, ENABLE, IDLE.

The law: news is told with every answer, so that nothing here has to ask for it.
"""

from gateway.access.login import may_log_in, mechanisms
from gateway.imap.offers import ENABLEABLE, SPELLED, offered
from gateway.imap.session import Ok, Session, State
from gateway.imap.troubles import Bad
from mail.imap import commands, render


def capabilities(session: Session) -> str:
    """What is offered now, in one line."""
    words = offered(session)
    if session.state is State.NOT_AUTHENTICATED:
        if session.wire.can_start_tls:
            words.append("STARTTLS")
        if may_log_in(session.wire, session.services):
            words += [f"AUTH={mechanism}" for mechanism in mechanisms(session.wire, session.services)]
        else:
            words.append("LOGINDISABLED")  # RFC 3501 6.2.3
    return " ".join(words)


async def capability(session: Session, _command: commands.Capability) -> Ok:
    """RFC 3501 6.1.1."""
    session.wire.write(render.capability_line(capabilities(session).split()))
    return Ok("CAPABILITY completed")


async def not_offered(_session: Session, _command: commands.Command) -> Ok:
    """An extension that is in no CAPABILITY is as unknown as any other word."""
    raise Bad("Unknown command")


async def noop(session: Session, command: commands.Noop | commands.Check) -> Ok:
    """RFC 3501 6.1.2, 6.4.1: everything is durable already, and news is told with every answer."""
    if session.notices is not None:
        session.notices.look_again()
    return Ok(f"{type(command).__name__.upper()} completed")


async def logout(session: Session, _command: commands.Logout) -> Ok:
    """RFC 3501 6.1.3."""
    session.bye("Goodbye")
    return Ok("LOGOUT completed")


async def identify(session: Session, command: commands.Id) -> Ok:
    """RFC 2971. What the client says of itself helps to explain its log lines; our version is nobody's business."""
    client = dict(command.params or ())
    known = {key.decode(): (client.get(key) or b"").decode("ascii", "replace")[:80] for key in (b"name", b"version")}
    session.log.info("imap.id", client=known["name"], client_version=known["version"])
    session.wire.write(render.id_line({b"name": b"Rookery"}))
    return Ok("ID completed")


async def enable(session: Session, command: commands.Enable) -> Ok:
    """RFC 5161: what is not known is passed over, and only what was not enabled before is told."""
    known = [word for word in dict.fromkeys(command.capabilities) if word in ENABLEABLE]
    new = [SPELLED.get(word, word) for word in known if word not in session.enabled]
    session.wire.write(render.enabled_line(new))
    session.enable(frozenset(known).union(*(ENABLEABLE[word] for word in known)))
    return Ok("ENABLE completed")


async def idle(session: Session, _command: commands.Idle) -> None:
    """RFC 2177. From here to DONE nothing runs for this client: news is written when the mailbox changes."""
    if session.notices is not None:
        session.notices.look_again()
    session.wire.write(render.continuation_line("idling"))


def end_idle(session: Session, line: bytes) -> None:
    """The client's line after IDLE: DONE, or a mistake that ends it as well. What a guest has not heard yet he hears
    with his next command, when it is known again who he is."""
    tag, session.idling = session.idling, None
    assert tag is not None
    if not session.is_guest:
        session.tell(expunges=True)
    session.settle()
    if line.upper() == b"DONE":
        session.answer(tag, b"OK", "IDLE completed")
    else:
        session.answer(tag, b"BAD", "Expected DONE")
