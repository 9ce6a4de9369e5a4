"""From each command to its one answer: which handler, in which state.

The law: a command is answered exactly once, whatever went wrong. A multi-line answer that has begun is finished, or the
connection is cut: nothing else can be said within it. A new command is a handler and a line in RULES.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from cluster.errors import Fault, Trouble
from gateway.access.parts import MISTAKES_MAX, Pace
from gateway.pop3 import auth, general, reading
from gateway.pop3.session import Ok, Session
from gateway.pop3.troubles import PERMANENT, Err, Mistake, as_err
from mail.pop3 import commands, render


class Rule(NamedTuple):
    """How one command is obeyed. `known`: only after login, only before, or None for both (RFC 1939 9)."""

    name: str
    known: bool | None
    run: Callable[[Session, Any], Awaitable[Ok]]


RULES: Final[dict[type[Any], Rule]] = {
    commands.Capa: Rule("CAPA", None, general.capa),
    commands.Stls: Rule("STLS", False, auth.stls),
    commands.User: Rule("USER", False, auth.user),
    commands.Pass: Rule("PASS", False, auth.password),
    commands.Auth: Rule("AUTH", False, auth.auth),
    commands.Utf8: Rule("UTF8", False, general.utf8),
    commands.Lang: Rule("LANG", None, general.lang),
    commands.Stat: Rule("STAT", True, reading.stat),
    commands.List: Rule("LIST", True, reading.list_),
    commands.Uidl: Rule("UIDL", True, reading.uidl),
    commands.Retr: Rule("RETR", True, reading.retr),
    commands.Top: Rule("TOP", True, reading.top),
    commands.Dele: Rule("DELE", True, reading.dele),
    commands.Noop: Rule("NOOP", True, general.noop),
    commands.Rset: Rule("RSET", True, reading.rset),
    commands.Quit: Rule("QUIT", None, general.quit_),
}


async def run(session: Session, command: commands.Command) -> None:
    """Answer one command. ConnectionError when the client went away meanwhile."""
    services, rule = session.services, RULES[type(command)]
    started = services.clock.monotonic()
    try:
        answer = await _obey(session, rule, command)
    except Err as error:
        session.wire.write(render.err(error.text, error.code))
        label = "ERR"
        if isinstance(error, Mistake):
            mistake(session)
    else:
        session.wire.write(render.ok(answer.text))
        await _send(session, answer)
        label = "OK"
        session.mistakes = 0
    services.metrics.commands.labels(rule.name, label).inc()
    services.metrics.seconds.labels(rule.name).observe(services.clock.monotonic() - started)


def mistake(session: Session) -> None:
    """Count a command that makes no sense; too many end the session."""
    session.mistakes += 1
    if session.mistakes >= MISTAKES_MAX and not session.ended:
        session.wire.write(render.err("Too many commands that make no sense"))
        session.ended = True


async def _obey(session: Session, rule: Rule, command: commands.Command) -> Ok:
    """What to answer. Raises Err, ConnectionError."""
    if rule.known is not None and rule.known is not session.known:
        raise Mistake(f"{rule.name} needs a login first" if rule.known else f"{rule.name} is for before a login")
    try:
        return await rule.run(session, command)
    except (Err, ConnectionError):
        raise
    except Trouble as trouble:
        if trouble.fault is Fault.US:
            session.log.warning("pop3.trouble", command=rule.name, trouble=type(trouble).__name__, detail=trouble.log)
        raise as_err(trouble) from None
    except Exception as error:
        session.log.warning("pop3.defect", command=rule.name, error=repr(type(error)), exc_info=True)
        raise Err("Internal error; it was logged", PERMANENT) from None


async def _send(session: Session, answer: Ok) -> None:
    """The lines of the answer, no more at a time than the client takes."""
    pace = Pace(session.services.clock)
    for piece in answer.pieces:
        session.wire.write(piece)
        await session.wire.drain()
        await pace.breathe()
