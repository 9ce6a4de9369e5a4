"""One milter during one SMTP connection: what it was told, and whether it still wants to hear.

The law: it is told each step once and in the protocol's order, however late it is opened; after it failed it is told
nothing more, and what then becomes of mail is its setting's to say.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

from gateway.milter.connection import Connection, Failed, Tell, failed
from gateway.milter.settings import MilterSettings
from gateway.milter.verdict import DOWN, DOWN_FOR_GOOD, Verdict
from mail.milter.codes import Protocol
from mail.milter.machine import Client, Outcome
from mail.milter.responses import How

Open = Callable[[MilterSettings], Awaitable[Connection]]


class State(Enum):
    """What a milter wants to hear."""

    OPEN = "open"
    IN_MESSAGE = "in message"
    DONE = "done with this message"
    ACCEPTED = "done with this connection"
    FAILED = "failed"


class Filter:
    """A milter, opened when it is first told something."""

    def __init__(self, settings: MilterSettings, open_: Open) -> None:
        self.settings = settings
        self.state = State.OPEN
        self.is_late = settings.stages == "message"
        """It is told of the commands only with the message."""
        self.helo: str | None = None
        """The HELO that it was told last."""
        self._open = open_
        self._connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was told anything."""
        return self._connection is not None

    @property
    def protocol(self) -> Protocol:
        """The options agreed on; none before it was opened."""
        return self._connection.client.protocol if self._connection else Protocol.NONE

    @property
    def is_listening(self) -> bool:
        """Whether it is to be told of the next step."""
        return self.state in (State.OPEN, State.IN_MESSAGE)

    async def ask(self, tell: Tell, macros: Mapping[str, str], seconds: float) -> Outcome:
        """One exchange. Raises Failed, and has failed then."""
        try:
            if self._connection is None:
                self._connection = await self._open(self.settings)
            self._connection.client.known = {**macros, **self.settings.macros}
            return await self._connection.ask(tell, seconds)
        except Failed:
            self.fail()
            raise

    async def ask_in_session(self, tell: Tell, macros: Mapping[str, str]) -> Outcome:
        """About a client or its HELO: what it decides is for the whole connection."""
        outcome = await self.ask(tell, macros, self.settings.command_s)
        if outcome.decision.how is How.DISCARD:
            self.fail()
            raise failed("DISCARD, where there is no message")
        if outcome.decision.how is How.ACCEPT:
            self.state = State.ACCEPTED
        return outcome

    async def ask_in_message(self, tell: Tell, macros: Mapping[str, str]) -> Outcome:
        """About a command of a message."""
        self.state = State.IN_MESSAGE
        outcome = await self.ask(tell, macros, self.settings.command_s)
        if outcome.decision.how in (How.ACCEPT, How.DISCARD):
            self.state = State.DONE
        return outcome

    async def ask_at_end(self, tell: Tell, macros: Mapping[str, str]) -> Outcome:
        """About the message; it is done with it then."""
        outcome = await self.ask(tell, macros, self.settings.message_s)
        self.state = State.DONE
        return outcome

    async def abort(self) -> None:
        """The message does not go on."""
        if self.state is State.IN_MESSAGE and self._connection is not None:
            try:
                await self.ask(Client.abort, {}, self.settings.command_s)
            except Failed:
                return
        if self.state in (State.IN_MESSAGE, State.DONE):
            self.state = State.OPEN

    def fail(self) -> None:
        """Tell it nothing more."""
        self.state = State.FAILED
        self.close()

    def close(self) -> None:
        """The SMTP connection has ended."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def when_failed(self) -> Verdict | None:
        """What becomes of mail, where it has failed; None: it goes on, quarantined perhaps."""
        if self.state is not State.FAILED:
            return None
        if self.settings.on_error == "tempfail":
            return Verdict("tempfail", DOWN, self.settings.name)
        if self.settings.on_error == "reject":
            return Verdict("reject", DOWN_FOR_GOOD, self.settings.name)
        return None
