"""`python -m tests.fuzz.jmap_caches`: play random histories until a promise is broken."""

import asyncio
import sys
import time

import click

from tests.fuzz.jmap_caches.play import STEPS, play


@click.command(context_settings={"show_default": True})
@click.option("--seed", default=None, type=int, help="Only this history.  [default: one after the other]")
@click.option("--first", default=0, help="Where to begin.")
@click.option("--steps", default=STEPS, help="Of each history.")
@click.option("--seconds", default=60.0, help="How long.")
@click.option("--on", is_flag=True, help="Go on after a failure.")
def main(seed: int | None, first: int, steps: int, seconds: float, *, on: bool) -> None:
    """Ends with 0 when all promises were kept."""
    began, number, failed = time.monotonic(), seed if seed is not None else first, 0
    while time.monotonic() - began < seconds:
        number += 1
        try:
            asyncio.run(play(number - 1, steps))
        except Exception as error:
            failed += 1
            click.echo(f"seed {number - 1}: {_least(number - 1, steps)} steps: {error!s:.2000}")
            if not on:
                break
        if seed is not None:
            break
    click.echo(f"{number - (seed if seed is not None else first)} histories, {failed} failed")
    sys.exit(bool(failed))


def _least(seed: int, steps: int) -> int:
    """How many of the first steps are needed."""
    for some in range(1, steps):
        try:
            asyncio.run(play(seed, some))
        except Exception:
            return some
    return steps


if __name__ == "__main__":
    main()
