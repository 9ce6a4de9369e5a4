"""What commands print: tables for people, one JSON object a line for programs.

The law: standard output has the answer and nothing else; everything about how it was found goes to standard error.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.admin.plain import plain as plain  # as the HTTP API tells it

PIPE_COLUMNS: Final = 1000  # a program that reads a table wants a row a line
SENTENCE: Final = 300  # characters at most of what a list says of a command
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")

Function = TypeVar("Function", bound=Any)


class Group(click.Group):
    """A group whose help has the whole first sentence of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(SENTENCE)) for name, one in found if one is not None])


def json_option(function: Function) -> Function:
    """The option to print for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")(function)


def print_json(values: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    for value in values:
        click.echo(json.dumps(value, ensure_ascii=False))


def visible(text: str) -> str:
    """Text that others wrote, fit for a terminal: what would drive it is shown as an escape."""
    if text.isprintable():
        return text
    return "".join([sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text])


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table, or where it would have no rows what `empty` says."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not table.columns)
    for row in rows:
        table.add_row(*(Text("\n".join(map(visible, cell.split("\n")))) for cell in row))
    if table.row_count:
        Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS).print(table)
    else:
        click.echo(empty, err=True)


def size(count: int) -> str:
    """Bytes as people read them; 0 is no limit where a limit is meant, so that is the caller's to say."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("the last unit takes all")


class Size(click.ParamType[int]):
    """A number of bytes as people write it: 500M, 5G, 1.5 GiB; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text: str = str(value).strip().upper().removesuffix("B").removesuffix("I").strip()
        power = "BKMGT".find(text[-1:]) if text[-1:].isalpha() else 0
        number = text.rstrip("KMGT").strip() if power > 0 else text
        try:
            count = round(float(number) * 2.0 ** (10 * power))
        except (ValueError, OverflowError):
            count = -1
        if power < 0 or not 0 <= count < 2**63:
            self.fail(f"{value!r} is no size; write it like 500M or 5G, or 0 for no limit.", param, ctx)
        return count
