"""`python -m tests.fuzz.jmap_session`: play random requests until a promise is broken, and tell the least script."""

import asyncio
import json
import sys
import time

import click

from tests.fuzz.jmap_session.play import play
from tests.fuzz.jmap_session.script import STEPS, Step, script
from tests.fuzz.session.shrinking import shrunk


def failure(steps: list[Step]) -> BaseException | None:
    """What goes wrong when this is played."""
    try:
        asyncio.run(play(steps))
    except Exception as error:
        return error
    return None


def told(error: BaseException) -> str:
    """Enough to know the same failure again: its kind and the beginning of its text."""
    return f"{type(error).__name__}: {str(error)[:40]}"


@click.command(context_settings={"show_default": True})
@click.option("--seed", default=None, type=int, help="Only this script.  [default: one after the other]")
@click.option("--first", default=0, help="Where to begin.")
@click.option("--steps", default=STEPS, help="Of each script.")
@click.option("--seconds", default=60.0, help="How long.")
@click.option("--on", is_flag=True, help="Go on after a failure.")
def main(seed: int | None, first: int, steps: int, seconds: float, *, on: bool) -> None:
    """Ends with 0 when all promises were kept."""
    began, number, failed = time.monotonic(), seed if seed is not None else first, 0
    while time.monotonic() - began < seconds:
        whole = script(number, steps)
        if (error := failure(whole)) is not None:
            failed += 1
            click.echo(f"seed {number}: {told(error)}")
            _show(whole, error)
            if not on:
                break
        number += 1
        if seed is not None:
            break
    click.echo(f"{number - first} scripts, {failed} failed, {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))


def _show(whole: list[Step], error: BaseException) -> None:
    def fails(steps: list[Step]) -> bool:
        again = failure(steps)
        return again is not None and told(again) == told(error)

    least = shrunk(whole, fails)
    for step in least:
        click.echo(f"  {step.login}: {json.dumps(step.calls)} {step.created or ''}")
    click.echo(f"  {failure(least)}")


if __name__ == "__main__":
    main()
