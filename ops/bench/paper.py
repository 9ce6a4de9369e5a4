"""Works out ops/docs/scale.md from what was measured: `python -m ops.bench.paper`, after a run of `rookery bench`.

The law: a number in the page is measured (its table says by which row of RESULTS.md), assumed (its table says why), or
computed here from those two. People write everything else; only what stands between markers is replaced. A figure that
RESULTS.md lacks stays as the page has it.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cluster.placement.slots import SLOTS
from ops.bench.report import PAGE, number, replaced

ROOT: Final = Path(__file__).resolve().parents[2]
SCALE: Final = ROOT / "ops" / "docs" / "scale.md"
RESULTS: Final = ROOT / "ops" / "bench" / PAGE
DAY_S: Final = 86_400
OTHER_KINDS: Final = 4  # of shards, one of each on every node
RENEWALS_A_LEASE: Final = 3  # cluster/membership/etcd.py
MANY: Final = "one at a time"  # each shard of so large a cluster has little to do at once
CLUSTER: Final = "in a cluster"

Figures = Mapping[str, float]


class Source(NamedTuple):
    """Where a figure stands in RESULTS.md."""

    part: str
    row: str
    column: str


def _shards(row: str) -> Source:
    return Source("shards", row, MANY)


MEASURED: Final[Mapping[str, Source]] = {
    "delivery, gateway ms": _shards("delivery to a cold account: CPU of gateway"),
    "delivery, shard ms": _shards("delivery: CPU of shards"),
    "cold delivery, shard ms": _shards("delivery to a cold account: CPU of shards"),
    "delivery, rows written": _shards("delivery: store, rows written"),
    "delivery, commits": _shards("delivery: store, commits"),
    "cold delivery, statements": _shards("delivery to a cold account: store, statements"),
    "APPEND, gateway ms": _shards("APPEND 4 kB: CPU of gateway"),
    "APPEND, shard ms": _shards("APPEND 4 kB: CPU of shards"),
    "STATUS, gateway ms": _shards("STATUS: CPU of gateway"),
    "STATUS, shard ms": _shards("STATUS: CPU of shards"),
    "SELECT, gateway ms": _shards("SELECT: CPU of gateway"),
    "SELECT, shard ms": _shards("SELECT: CPU of shards"),
    "STORE, gateway ms": _shards("STORE a flag: CPU of gateway"),
    "STORE, shard ms": _shards("STORE a flag: CPU of shards"),
    "STORE, commits": _shards("STORE a flag: store, commits"),
    "FETCH, gateway ms": _shards("FETCH an envelope: CPU of gateway"),
    "account in memory, kB": Source("activation", "memory of an active account in its shard", CLUSTER),
    "client in a gateway, kB": Source("activation", "memory of a client in its gateway, INBOX selected", CLUSTER),
    "client in a shard, kB": Source("activation", "memory of a client in its shard, INBOX selected", CLUSTER),
    "idle process, MB": Source("activation", "memory, idle: mailbox", CLUSTER),
    "activation of 10 messages, ms": Source("activation", "cold account of 10 messages: its mailboxes", "PostgreSQL"),
    "SELECT of 100,000 cold, ms": Source(
        "activation", "cold account of 100,000 messages: INBOX selected", "PostgreSQL"
    ),
    "moves a second": Source("moves", "slots moved, under load", "two shards"),
    "STORE while slots move, p99 ms": Source("moves", "STORE, slots move: 99 of 100", "two shards"),
    "a dead shard is missed, s": Source(
        "moves", "a shard is killed: STATUS is answered, the last client", "two shards"
    ),
    "etcd with 1 shard, ms/s": Source("shards", "etcd: CPU", "1 shard"),
    "etcd with 8 shards, ms/s": Source("shards", "etcd: CPU", "8 shards"),
    "IDLE across gateways, ms": Source("idle", "a flag, heard: median", "another gateway"),
}


class Line(NamedTuple):
    """A row of the table that is worked out."""

    what: str
    value: float
    unit: str
    how: str


def measured(results: str) -> dict[str, float]:
    """The medians of MEASURED that RESULTS.md has."""
    found = {}
    for name, source in MEASURED.items():
        rows = _table(_between(results, source.part))
        header = rows.get("", [])
        cells = rows.get(source.row, [])
        if source.column in header and cells and (cell := cells[header.index(source.column)]):
            found[name] = _value(cell)
    return found


def given(page: str, table: str) -> dict[str, float]:
    """The numbers of a table of the page, by the name in their first column."""
    rows = _table(_between(page, table))
    return {name: _value(cells[0]) for name, cells in rows.items() if cells and cells[0][:1].isdigit()}


def rates(a: Figures) -> dict[str, float]:
    """Each kind of work, a second at the peak."""
    peak = a["accounts"] * a["peak over mean"] / DAY_S
    return {
        what: peak * a[f"{what} an account and day"]
        for what in ("deliveries", "APPEND", "STATUS", "SELECT", "STORE", "FETCH")
    }


def worked_out(m: Figures, a: Figures) -> list[Line]:
    """Everything that follows."""
    rate = rates(a)
    lines = [
        Line(f"{what}, at the peak", each, "/s", "accounts * a day * peak / 86,400") for what, each in rate.items()
    ]
    return lines + _processes(m, a, rate) + _store(m, a, rate) + _registry(m, a, rate)


def _cores(m: Figures, a: Figures, rate: Figures, where: str) -> float:
    """Busy at the peak."""
    sum_ms = sum(
        rate[what] * m.get(f"{what}, {where} ms", 0.0) for what in ("APPEND", "STATUS", "SELECT", "STORE", "FETCH")
    )
    warm, cold = m[f"delivery, {where} ms"], m.get(f"cold delivery, {where} ms", m[f"delivery, {where} ms"])
    share = a["deliveries to accounts not in memory"]
    return (sum_ms + rate["deliveries"] * (warm * (1 - share) + cold * share)) / 1000


def _connections(a: Figures) -> float:
    return a["accounts"] * a["accounts connected"] * a["connections each"]


def _gateway_cores(m: Figures, a: Figures, rate: Figures) -> float:
    return _cores(m, a, rate, "gateway") * a["TLS, spam and signatures: gateway CPU times"]


def _counts(m: Figures, a: Figures, rate: Figures) -> tuple[int, int, int]:
    """Gateways, mailbox shards, nodes."""
    busy = a["busy at the peak"]
    gateways = math.ceil(max(_gateway_cores(m, a, rate) / busy, _connections(a) / a["connections a gateway"]))
    by_memory = a["accounts"] * a["accounts connected"] / a["accounts a shard holds"]
    shards = math.ceil(max(_cores(m, a, rate, "shard") / busy, by_memory))
    return gateways, shards, math.ceil((gateways + shards) / a["processes a node"])


def _processes(m: Figures, a: Figures, rate: Figures) -> list[Line]:
    gateways, shards, nodes = _counts(m, a, rate)
    shard_cores, connections = _cores(m, a, rate, "shard"), _connections(a)
    gateway_gb = connections * (m["client in a gateway, kB"] + a["TLS of a connection, kB"]) / 1e6
    account_kb = m["account in memory, kB"] + a["connections each"] * m["client in a shard, kB"]
    shard_gb = a["accounts"] * a["accounts connected"] * account_kb / 1e6
    idle_gb = m["idle process, MB"] / 1000
    return [
        Line("IMAP connections", connections, "", "accounts * connected * each"),
        Line("gateways: processors busy", _gateway_cores(m, a, rate), "", "sum of rate * ms, * TLS and so on"),
        Line("gateway processes", gateways, "", "the larger of busy / share, connections / each one's"),
        Line("gateways: memory", gateway_gb + gateways * idle_gb, "GB", "connections, processes"),
        Line("mailbox shards: processors busy", shard_cores, "", "sum of rate * ms"),
        Line("mailbox shard processes by CPU", math.ceil(shard_cores / a["busy at the peak"]), "", "busy / share"),
        Line("mailbox shard processes", shards, "", "the larger of that and connected / accounts a shard holds"),
        Line("mailbox shards: memory", shard_gb + shards * idle_gb, "GB", "accounts, processes"),
        Line("slots a shard", SLOTS / shards, "", "4096 / shards"),
        Line("nodes for both", nodes, "", "processes / processes a node"),
    ]


def _store(m: Figures, a: Figures, rate: Figures) -> list[Line]:
    changes = rate["deliveries"] + rate["APPEND"]
    small = 1 - a["large messages"]
    row_bytes = a["record, log and index of a message, bytes"]
    inline_bytes = small * a["small message, packed bytes"]
    commits = changes * m["delivery, commits"] + rate["STORE"] * m["STORE, commits"]
    written = changes * m["delivery, rows written"] + rate["STORE"]
    reads = rate["deliveries"] * m["cold delivery, statements"] + rate["FETCH"] * a["FETCH not answered by a gateway"]
    kept = a["accounts"] * a["messages kept an account"]
    write_mb = (changes * (row_bytes + inline_bytes) + rate["STORE"] * a["log of a STORE, bytes"]) / 1e6
    large_mb = changes * a["large messages"] * a["large message, packed bytes"] / 1e6
    blobs_pb = kept * (inline_bytes + a["large messages"] * a["large message, packed bytes"]) / 1e15
    return [
        Line("store: commits", commits, "/s", "changes * commits each: small batches"),
        Line("store: rows written", written, "/s", "changes * rows each"),
        Line("store: reads", reads, "/s", "cold deliveries * statements, FETCH not cached"),
        Line("store: processes by writes", written * a["copies in the store"] / a["writes a store process"], "", ""),
        Line("store: processes by reads", reads / a["reads a store process"], "", ""),
        Line("store: bytes written, before copies", write_mb, "MB/s", "rows and small messages"),
        Line("store: records, logs, indexes, before copies", kept * row_bytes / 1e12, "TB", "kept * bytes"),
        Line("store: if small messages stayed in it", kept * inline_bytes / 1e12, "TB", "kept * small, packed"),
        Line("S3: large messages put", changes * a["large messages"], "/s", "changes * share"),
        Line("S3: bytes put", large_mb, "MB/s", "* packed bytes"),
        Line("S3: bytes kept, before copies", blobs_pb, "PB", "all messages, the small in packs"),
        Line("S3: on disk", blobs_pb * a["disk a byte in S3"], "PB", "* erasure coding"),
        Line("network: mail in, to shards, to the store", write_mb * (1 + 1 + a["copies in the store"]), "MB/s", ""),
    ]


def _registry(m: Figures, a: Figures, rate: Figures) -> list[Line]:
    gateways, shards, nodes = _counts(m, a, rate)
    members = gateways + shards + OTHER_KINDS * nodes
    pages = m["moves a second"] * members
    its_slots = SLOTS / nodes
    member_ms = (m["etcd with 8 shards, ms/s"] - m["etcd with 1 shard, ms/s"]) / 7
    return [
        Line("etcd: members, each a lease and a watch", members, "", "gateways, shards, 3 other kinds a node"),
        Line("etcd: renewals", members * RENEWALS_A_LEASE / a["lease, s"], "/s", "three times a lease"),
        Line("etcd: processors busy at rest", members * member_ms / 1000, "", "members * (8 shards - 1 shard) / 7"),
        Line("etcd: events while slots move", pages * a["registry changes a move"], "/s", "moves * changes * watches"),
        Line("etcd: bytes of them", pages * a["slot page, bytes"] / 1e6, "MB/s", "moves * watches * page"),
        Line(
            "CPU of each process while slots move",
            m["moves a second"] * a["reading a slot page, ms"] / 10,
            "% of a processor",
            "moves * reading a page",
        ),
        Line("a node is emptied in", its_slots / m["moves a second"], "s", "4096 / nodes, one after the other"),
    ]


def told(m: Figures, a: Figures, page: str) -> str:
    """The page with its two tables brought up to date."""
    lines = ["| figure | measured | where in RESULTS.md |", "|---|--:|---|"]
    lines += [
        f"| {name} | {number(m[name])} | {source.part}: {source.row}, {source.column} |"
        for name, source in MEASURED.items()
    ]
    page = replaced(page, "figures", "\n".join(lines))
    lines = ["| at ten million accounts | | | from |", "|---|--:|---|---|"]
    lines += [f"| {line.what} | {number(line.value)} | {line.unit} | {line.how} |" for line in worked_out(m, a)]
    return replaced(page, "worked out", "\n".join(lines))


def main(results: Path = RESULTS, scale: Path = SCALE) -> None:
    """Read both, write the page."""
    page = scale.read_text()
    figures = given(page, "figures") | measured(results.read_text())
    scale.write_text(told(figures, given(page, "assumptions"), page))


def _between(page: str, name: str) -> str:
    _before, _found, rest = page.partition(f"<!-- {name}: ")
    return rest.partition(f"<!-- /{name} -->")[0]


def _table(text: str) -> dict[str, list[str]]:
    """The cells after the first, by the first: the header's is empty, or no number follows."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows[first] = cells
    return rows


def _value(cell: str) -> float:
    return float(re.split(r"[ (]", cell, maxsplit=1)[0].replace(",", ""))


if __name__ == "__main__":
    main()
