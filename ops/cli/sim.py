"""`rookery sim`: a whole cluster in one process, in virtual time, with faults drawn from a seed."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from ops.sim.faults import Kind
    from ops.sim.run import Outcome

TRACE_LINES: Final = 60  # of a broken run: the end tells the most


class Seeds(click.ParamType[range]):
    """A:B, both included."""

    name = "A:B"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """The seeds."""
        if isinstance(value, range):
            return value
        first, _, last = str(value).partition(":")
        if not (first.isdecimal() and last.isdecimal()) or int(first) > int(last):
            self.fail(f"{value!r} is no range of seeds; write it like 1:1000.", param, ctx)
        return range(int(first), int(last) + 1)


class Faults(click.ParamType[tuple[str, ...]]):
    """Kinds of faults with commas between, "all" or "none"."""

    name = "kinds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "tuple[Kind, ...]":
        """The kinds."""
        from ops.sim.faults import KINDS

        if isinstance(value, tuple):
            return value
        words = {word.strip() for word in str(value).split(",")} - {"", "none"}
        if "all" in words:
            return KINDS
        if unknown := sorted(words - set(KINDS)):
            self.fail(f"{', '.join(unknown)}: choose from {', '.join(KINDS)}, or all, or none.", param, ctx)
        return tuple(kind for kind in KINDS if kind in words)


@click.command(
    epilog="A run that breaks an invariant prints the command that replays it; --trace shows what happened in it."
)
@click.option("--seed", type=click.IntRange(min=0), help="Run this seed alone; 1 unless given.")
@click.option("--seeds", type=Seeds(), help="Run all of these, and show a table of them.")
@click.option(
    "--faults",
    type=Faults(),
    default="all",
    show_default=True,
    help="Kinds of faults, with commas between: loss, delay, reorder, crash, pause, partition, clock, registry, store.",
)
@click.option("--steps", type=click.IntRange(min=0, max=100_000), help="Things that each client does; 24 unless given.")
@click.option("--trace", is_flag=True, help="Print each event with its virtual time, and the hash of all of them.")
@click.option("--keep-going", is_flag=True, help="With --seeds: do not end at the first broken invariant.")
def sim(
    seed: int | None,
    seeds: range | None,
    faults: "tuple[Kind, ...]",
    steps: int | None,
    trace: bool,
    keep_going: bool,
) -> None:
    """Run a whole cluster in one process, in virtual time, and break what the seed says.

    Two gateways, three mailbox shards, two controllers, the store, the registry and the network between them; the
    classes are those of a real cluster. Clients deliver, change and read mail meanwhile, and every answer is held
    against what is durable. The same seed gives the same run, event by event.
    """
    from ops.sim.run import STEPS, play

    if seed is not None and seeds is not None:
        raise click.UsageError("Give --seed or --seeds.")
    tell = click.echo if trace else None
    wanted = seeds or [1 if seed is None else seed]
    outcomes = (play(each, faults, steps=STEPS if steps is None else steps, tell=tell) for each in wanted)
    if seeds is None:
        outcome = next(outcomes)
        click.echo(_told(outcome))
        broken = [outcome] if outcome.broken else []
    else:
        broken = _many(_watched(outcomes, len(seeds)), keep_going=keep_going)
    for outcome in broken:
        _complain(outcome, faults, steps)
    sys.exit(1 if broken else 0)


def _told(outcome: "Outcome") -> str:
    faults = ", ".join(f"{count} {what}" for what, count in sorted(outcome.faults.items())) or "no faults"
    return (
        f"seed {outcome.seed}: {outcome.seconds:.1f} s of virtual time, {outcome.steps} steps, {outcome.commits}"
        f" commits; {outcome.answered} commands answered, {outcome.unanswered} not; {faults}; trace {outcome.digest}"
    )


def _watched(outcomes: "Iterable[Outcome]", count: int) -> "Iterator[Outcome]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("seeds", total=count)
        for outcome in outcomes:
            yield outcome
            progress.advance(bar)


def _many(outcomes: "Iterable[Outcome]", *, keep_going: bool) -> "list[Outcome]":
    """Run them and print the table; those that broke."""
    from ops.cli.output import print_table

    began = time.process_time()
    done: list[Outcome] = []
    broken: list[Outcome] = []
    faults: dict[str, int] = {}
    for outcome in outcomes:
        done.append(_without_trace(outcome))
        for what, count in outcome.faults.items():
            faults[what] = faults.get(what, 0) + count
        if outcome.broken:
            broken.append(outcome)
            if not keep_going:
                break
    rows: Sequence[tuple[str, Any]] = (
        ("seeds", len(done)),
        ("broken", len(broken)),
        ("virtual time, s", f"{sum(each.seconds for each in done):.0f}"),
        ("processor time, s", f"{time.process_time() - began:.1f}"),
        ("steps", sum(each.steps for each in done)),
        ("commits", sum(each.commits for each in done)),
        ("commands answered", sum(each.answered for each in done)),
        ("commands not answered", sum(each.unanswered for each in done)),
        *((f"fault: {what}", count) for what, count in sorted(faults.items())),
    )
    print_table(("what", "how many"), [(name, str(value)) for name, value in rows], empty="")
    return broken


def _without_trace(outcome: "Outcome") -> "Outcome":
    """Small enough to keep a hundred thousand of."""
    import msgspec

    return msgspec.structs.replace(outcome, trace=(), faults={})


def _complain(outcome: "Outcome", faults: "tuple[Kind, ...]", steps: int | None) -> None:
    from ops.cli.main import command_name

    for line in outcome.trace[-TRACE_LINES:]:
        click.echo(f"  {line}", err=True)
    for what in outcome.broken:
        click.echo(f"seed {outcome.seed} BROKE: {what}", err=True)
    again = f"{command_name()} sim --seed {outcome.seed} --faults {','.join(faults) or 'none'}"
    click.echo(f"replay: {again}{f' --steps {steps}' if steps is not None else ''} --trace", err=True)
