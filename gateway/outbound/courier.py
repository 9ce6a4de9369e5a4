"""What the scheduler of outgoing mail asks of who speaks to other servers.

The law: one result for each recipient, in their order; nothing is raised for anything that a remote server, the DNS or
the network does. `delivered` only where the remote server's positive answer to the whole message was read.
"""

from typing import Protocol

from actors.queue.types import Envelope, Result


class Courier(Protocol):
    """Delivers to one destination domain."""

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        """Attempt delivery to those recipients (indices of `mail.recipients`). `body`: the message with CRLF lines.
        `route`: a name from [outbound.route] in place of what the settings say; mx: the domain's own hosts. `retry`:
        attempts before this one, and `cause`, what became of the last: for rules. `forced`: an operator wants it
        tried now, so hosts that did not answer lately are asked again."""
        ...
