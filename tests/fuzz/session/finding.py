"""What a person runs to find a broken promise: scripts one after the other, and the least that breaks it."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from tests.fuzz.session.shrinking import shrunk

Step = TypeVar("Step")


def finder(
    play: Callable[[list[Step]], Coroutine[Any, Any, None]],
    script: Callable[[int, int], list[Step]],
    steps: int,
    line: Callable[[Step], str],
) -> click.Command:
    """The command line. `play`: raises where a promise is broken; `script`: one of a seed; `line`: a step as shown."""

    def failure(steps: list[Step]) -> BaseException | None:
        try:
            asyncio.run(play(steps))
        except Exception as error:
            return error
        return None

    def show(whole: list[Step], error: BaseException) -> None:
        def fails(steps: list[Step]) -> bool:
            again = failure(steps)
            return again is not None and _told(again) == _told(error)

        least = shrunk(whole, fails)
        for step in least:
            click.echo(f"  {line(step)}")
        click.echo(f"  {failure(least)}")

    @click.command(context_settings={"show_default": True})
    @click.option("--seed", default=None, type=int, help="Only this script.  [default: one after the other]")
    @click.option("--first", default=0, help="Where to begin.")
    @click.option("--steps", default=steps, help="Of each script.")
    @click.option("--seconds", default=60.0, help="How long.")
    @click.option("--on", is_flag=True, help="Go on after a failure.")
    def main(seed: int | None, first: int, steps: int, seconds: float, *, on: bool) -> None:
        """Ends with 0 when all promises were kept."""
        began, number, failed = time.monotonic(), seed if seed is not None else first, 0
        while time.monotonic() - began < seconds:
            whole = script(number, steps)
            if (error := failure(whole)) is not None:
                failed += 1
                click.echo(f"seed {number}: {_told(error)}")
                show(whole, error)
                if not on:
                    break
            number += 1
            if seed is not None:
                break
        click.echo(f"{number - first} scripts, {failed} failed, {time.monotonic() - began:.0f} s")
        sys.exit(bool(failed))

    return main


def _told(error: BaseException) -> str:
    """Enough to know the same failure again: its kind and the beginning of its text."""
    return f"{type(error).__name__}: {str(error)[:40]}"
