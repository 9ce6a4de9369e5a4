"""What people see of a run: a table on the terminal, the same in RESULTS.md, and a plot for each part.

The law: in RESULTS.md only the text between a part's two markers is replaced, so what people wrote stays, and so do
the parts that were not measured this time. Each part says by which command and on what it was measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.table import Table

from ops.bench.cyrus import CYRUS
from ops.bench.figures import Cell, Row, times_better
from ops.bench.machine import Machine
from ops.bench.peers import OURS, PEERS, POSTFIX

PAGE: Final = "RESULTS.md"
TITLE: Final = "# Results\n"


class Part(NamedTuple):
    """One part's figures, and what RESULTS.md says above them."""

    name: str
    command: str
    quick: bool
    machine: Machine
    rows: list[Row]
    skipped: str = ""  # what was not measured, and why


def number(value: float) -> str:
    """Three digits or a whole number: no more is true."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def shown(cell: Cell | None) -> str:
    """The median, and what it is the median of."""
    if cell is None:
        return ""
    if cell.rounds == 1:
        return number(cell.median)
    return f"{number(cell.median)} ({number(cell.least)} to {number(cell.most)})"


def ratio(row: Row, server: str = OURS) -> str:
    """How many times better than the peers."""
    times = times_better(row, server, next((peer for peer in (PEERS, POSTFIX, CYRUS) if peer in row.cells), server))
    return "" if times is None else f"{times:.2f}" if times < 10 else f"{times:.0f}"


def servers_of(rows: Sequence[Row]) -> list[str]:
    """All servers, in the order of their first figure."""
    return list(dict.fromkeys(server for row in rows for server in row.cells))


def terminal(part: Part) -> Table:
    """The table for a terminal."""
    servers = servers_of(part.rows)
    table = Table("", "unit", *servers, f"{OURS}: times better", title=part.name)
    for row in part.rows:
        table.add_row(row.what, row.unit, *[shown(row.cells.get(server)) for server in servers], ratio(row))
    return table


def markdown(part: Part) -> str:
    """What stands between the part's markers."""
    servers = servers_of(part.rows)
    rounds = max((cell.rounds for row in part.rows for cell in row.cells.values()), default=0)
    told = f"medians of {rounds} rounds (least to most)" if rounds > 1 else "one round"
    how = f"`{part.command}`, {part.machine.when}: {told}."
    lines = ["**A quick run, to see that it works: not a result.**", ""] if part.quick else []
    lines += [how, "", *(f"- {name}: {text}" for name, text in part.machine._asdict().items() if name != "when"), ""]
    if part.skipped:
        lines += [f"Not measured: {part.skipped}.", ""]
    lines.append(_line(["", "unit", *servers, f"{OURS}: times better"]))
    lines.append("|---|---|" + "--:|" * (len(servers) + 1))
    for row in part.rows:
        lines.append(_line([row.what, row.unit, *[shown(row.cells.get(server)) for server in servers], ratio(row)]))
    return "\n".join([*lines, "", f"![{part.name}]({part.name}.png)"])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def replaced(page: str, name: str, text: str) -> str:
    """The page with this text between the part's markers, which are put at the end where there are none."""
    begin, end = f"<!-- {name}: measured, do not edit -->", f"<!-- /{name} -->"
    made = f"{begin}\n{text}\n{end}"
    before, found, rest = page.partition(begin)
    if not found:
        return f"{page.rstrip()}\n\n## {name}\n\n{made}\n"
    _old, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE}: {begin} has no {end}")
    return before + made + after


def write(part: Part, directory: Path) -> None:
    """Bring RESULTS.md and the part's plot up to date."""
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / PAGE
    page.write_text(replaced(page.read_text() if page.exists() else TITLE, part.name, markdown(part)))
    plot(part, directory / f"{part.name}.png")


def plot(part: Part, path: Path) -> None:
    """Bars, one small chart a row because their units differ; the thin lines go from the least to the most."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Patch

    servers = servers_of(part.rows)
    height = 0.6 + 0.75 * len(part.rows)  # inches
    figure, axes = plt.subplots(len(part.rows), 1, figsize=(9, height), squeeze=False)
    for row, (axis,) in zip(part.rows, axes, strict=True):
        for at, server in enumerate(servers):
            if (cell := row.cells.get(server)) is not None:
                error = [[cell.median - cell.least], [cell.most - cell.median]]
                axis.barh(at, cell.median, xerr=error, color=f"C{at}", label=server)
                axis.text(cell.most, at, f" {number(cell.median)}", va="center", fontsize=7)
        axis.set_yticks([])
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.tick_params(labelsize=6)
        better = "more" if row.more_is_better else "less"
        axis.set_title(f"{row.what}, {row.unit} ({better} is better)", fontsize=8, loc="left", pad=2)
    handles = [Patch(color=f"C{at}") for at in range(len(servers))]
    figure.legend(handles, servers, loc="upper center", ncols=len(servers), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / height))
    figure.savefig(path, dpi=110)
    plt.close(figure)
