"""`rookery domain dns`: the records a domain publishes, and whether it does."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import click

from cluster.dns.resolver import Resolver
from mail.trust.publish import Kind, Record, Seen, State, seen, zone_file
from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, print_json, print_table
from wire import admin_pb2 as pb

AT_ONCE: Final = 8  # questions to the resolver

_WORDS: Final = {
    State.PRESENT: "present",
    State.DIFFERS: "differs",
    State.MISSING: "missing",
    State.UNKNOWN: "no answer",
}


@click.command()
@click.argument("domain")
@click.option("--host", default="", help="The host that takes the domain's mail. [default: the server's name]")
@click.option("--reports", default="", metavar="ADDRESS", help="Gets reports of others. [default: postmaster]")
@click.option("--zone", "as_zone", is_flag=True, help="Print lines for a zone file.")
@click.option("--check", is_flag=True, help="Ask the DNS which are there; exit code 1 where a needed one is not.")
@click.option("--resolver", default="", metavar="ADDRESS", help="Whom --check asks. [default: the system's]")
@json_option
@data_option
def dns(
    domain: str, host: str, reports: str, as_zone: bool, check: bool, resolver: str, as_json: bool, data: Path
) -> None:
    """Print the DNS records to publish for a domain: MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV and TLSA.

    \b
      rookery domain dns example.org
      rookery domain dns example.org --zone >> example.org.zone
      rookery domain dns example.org --check
    """
    if as_zone and (check or as_json):
        raise click.UsageError("--zone goes with neither --check nor --json.")
    request = pb.ListDnsRecordsRequest(domain=domain, host=host, reports=reports)

    async def asking(server: Admin) -> list[pb.DnsRecord]:
        return [record async for record in server.directory.ListDnsRecords(request)]

    records = [
        Record(one.name, cast("Kind", one.type), one.value, one.purpose, one.needed) for one in ask(data, asking)
    ]
    if as_zone:
        click.echo(zone_file(records), nl=False)
        return
    found = asyncio.run(looked_up(records, _resolver(resolver))) if check else [None] * len(records)
    _told(records, found, as_json=as_json)
    if any(
        one.needed and there is not None and there.state is not State.PRESENT
        for one, there in zip(records, found, strict=True)
    ):
        sys.exit(1)


async def looked_up(records: Sequence[Record], resolver: Resolver) -> list[Seen]:
    """What the DNS has of each record."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(record: Record) -> Seen:
        async with gate:
            return seen(record, await resolver.ask(record.name, record.kind))

    return list(await asyncio.gather(*map(one, records)))


def _resolver(address: str) -> Resolver:
    from ops.cli.stub import StubResolver  # imports dnspython, which takes a third of a second

    return StubResolver(address)


def _told(records: Sequence[Record], found: Sequence[Seen | None], *, as_json: bool) -> None:
    rows = list(zip(records, found, strict=True))
    if as_json:
        print_json(
            {
                "name": one.name,
                "type": one.kind,
                "value": one.value,
                "purpose": one.purpose,
                "needed": one.needed,
                **({"state": there.state.value, "there": there.there} if there else {}),
            }
            for one, there in rows
        )
        return
    checked = any(there is not None for there in found)
    print_table(
        (*(("DNS",) if checked else ()), "Name", "Type", "Value", "For"),
        [
            (
                *((_WORDS[there.state],) if there else ()),
                one.name,
                one.kind,
                one.value + (f"\nthere is: {there.there}" if there and there.state is State.DIFFERS else ""),
                one.purpose,
            )
            for one, there in rows
        ],
        empty="",
    )
