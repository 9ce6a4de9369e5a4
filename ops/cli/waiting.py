"""Waiting for a cluster to become what was asked for: a bar that moves, and an end in any case.

The law: giving up waiting changes nothing; what was asked for goes on by itself. Where there is no terminal, lines tell
of each tenth.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import click

from cluster.errors import Unavailable
from ops.cluster.progress import Progress

WAIT_S: Final = 300.0

wait_option = click.option(
    "--wait", "wait_s", type=float, default=WAIT_S, show_default=True, help="Seconds to wait; 0: do not wait."
)


async def wait(progress: AsyncGenerator[Progress, None], wait_s: float) -> None:
    """Show it until it is over. Raises Unavailable when the time is."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    if wait_s <= 0:
        return
    told, console, lines = "the cluster", Console(stderr=True), Lines()
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("waiting", total=None)
        try:
            async with asyncio.timeout(wait_s), aclosing(progress) as steps:
                async for now in steps:
                    told = now.what
                    bar.update(task, completed=now.done, total=now.total, description=f"waiting for {now.what}")
                    if not console.is_terminal and (line := lines.next(now)):
                        click.echo(line, err=True)
                    if now.over:
                        return
        except TimeoutError:
            raise Unavailable(
                f"Still waiting for {told} after {wait_s:g} s; it goes on by itself, and `rookery status` tells."
            ) from None


class Lines:
    """What is told where no bar can move."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None

    def next(self, now: Progress) -> str:
        """A line when something else is waited for or a tenth more is done; else nothing."""
        reached = (now.what, now.done * 10 // max(now.total, 1))
        if reached == self._last or now.over:
            return ""
        self._last = reached
        return f"waiting for {now.what}: {now.done} of {now.total}"
