"""`rookery search`: the indexes that SEARCH, SORT and THREAD read instead of messages."""

from pathlib import Path

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, size
from wire import admin_pb2 as pb


@click.group(cls=Group)
def search() -> None:
    """Indexes of accounts, for searching and sorting."""


@search.command()
@click.argument("account")
@json_option
@data_option
def status(account: str, as_json: bool, data: Path) -> None:
    """How the index of an account stands."""

    async def asking(server: Admin) -> pb.SearchIndex:
        return await server.search.GetSearchIndex(pb.GetSearchIndexRequest(account=account))

    found = ask(data, asking)
    if as_json:
        print_json([plain(found)])
        return
    click.echo(told(found))


@search.command()
@click.argument("account")
@data_option
def rebuild(account: str, data: Path) -> None:
    """Make a new index of an account, from its messages alone. Until it is there, searches read the messages."""

    async def asking(server: Admin) -> None:
        await server.search.RebuildSearchIndex(pb.RebuildSearchIndexRequest(account=account))

    ask(data, asking)
    click.echo(f"{account} gets a new index; `rookery search status {account}` tells how far it is.")


def told(index: pb.SearchIndex) -> str:
    """How it stands, in words."""
    if not index.wanted:
        return "No index: it is made when the account is first searched or sorted ([search] index)."
    if index.rebuilding:
        return "A new index is about to be made."
    behind = max(0, index.newest - index.watermark)
    state = "up to date" if not behind else f"at most {behind} messages behind"
    where = f"all but the newest {index.entries} in {index.segments} segments of {size(index.bytes)}"
    return f"{index.messages} messages, {where}; {state}."
