"""`rookery alias`, `rookery list` and `rookery group`: addresses that stand for others.

The three differ in who may send as the address, and in that an alias is changed as a whole; so they are made by the
same functions from a few words.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, plain, print_json, print_table
from wire import admin_pb2 as pb


class _Words(NamedTuple):
    """One kind, as its commands speak of it."""

    kind: "pb.EntryKind.ValueType"
    name: str  # also the command's
    member: str
    example: str
    about: str


_ALIAS: Final = _Words(
    pb.ENTRY_KIND_ALIAS,
    "alias",
    "TARGET",
    "info@example.org",
    "Other names for accounts; those an alias leads to may send as it.",
)
_LIST: Final = _Words(
    pb.ENTRY_KIND_LIST,
    "list",
    "MEMBER",
    "news@example.org",
    "Addresses whose mail goes to all members; nobody sends as a list.",
)
_GROUP: Final = _Words(
    pb.ENTRY_KIND_GROUP,
    "group",
    "MEMBER",
    "sales@example.org",
    "Addresses whose mail goes to all members, and as which each member may send.",
)


def _group_of(words: _Words) -> click.Group:
    text = f"""{words.about}

    \b
      rookery {words.name} add {words.example} alice@example.org bob@example.org
      rookery {words.name} list example.org
    """
    group = click.Group(words.name, help=text)
    for command in (_add(words), _list(words), _change(words), _remove(words)):
        group.add_command(command)
    return group


def _add(words: _Words) -> click.Command:
    @click.command(
        "add",
        help=f"""Make a{"n" if words.name == "alias" else ""} {words.name}. Its {words.member.lower()}s need not exist.

    \b
      rookery {words.name} add {words.example} alice@example.org bob@example.org
    """,
    )
    @click.argument("address")
    @click.argument("members", nargs=-1, required=words.name == "alias", metavar=f"{words.member}...")
    @click.option("--name", default="", help="For people.", hidden=words.name == "alias")
    @json_option
    @data_option
    def add(address: str, members: tuple[str, ...], name: str, as_json: bool, data: Path) -> None:
        entry = pb.Entry(kind=words.kind, address=address, members=members, name=name)

        async def adding(server: Admin) -> pb.Entry:
            return await server.directory.AddEntry(pb.AddEntryRequest(entry=entry))

        _told(words, [ask(data, adding)], as_json=as_json)

    return add


def _list(words: _Words) -> click.Command:
    plural = "aliases" if words.name == "alias" else f"{words.name}s"

    @click.command(
        "list",
        help=f"""Show the {plural} of DOMAIN, or all.

    \b
      rookery {words.name} list
      rookery {words.name} list example.org --json
    """,
    )
    @click.argument("domain", default="")
    @json_option
    @data_option
    def list_(domain: str, as_json: bool, data: Path) -> None:
        async def listing(server: Admin) -> list[pb.Entry]:
            request = pb.ListEntriesRequest(kind=words.kind, domain=domain)
            return [found async for found in server.directory.ListEntries(request)]

        _told(words, ask(data, listing), as_json=as_json)

    return list_


def _change(words: _Words) -> click.Command:
    return _change_alias() if words.name == "alias" else _change_members(words)


def _change_alias() -> click.Command:
    @click.command("change")
    @click.argument("address")
    @click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
    @json_option
    @data_option
    def change(address: str, targets: tuple[str, ...], as_json: bool, data: Path) -> None:
        """Let an alias lead to other addresses: to all of these and no others.

        \b
          rookery alias change info@example.org bob@example.org
        """
        members = pb.Members(addresses=targets)
        request = pb.ChangeEntryRequest(kind=_ALIAS.kind, address=address, members=members)
        _told(_ALIAS, [ask(data, _changing(request))], as_json=as_json)

    return change


def _change_members(words: _Words) -> click.Command:
    @click.command(
        "change",
        help=f"""Let members join and leave, or change the name.

    \b
      rookery {words.name} change {words.example} --join eve@example.org --leave bob@example.org
    """,
    )
    @click.argument("address")
    @click.option("--join", multiple=True, metavar="MEMBER", help="May be repeated.")
    @click.option("--leave", multiple=True, metavar="MEMBER", help="May be repeated.")
    @click.option("--name", default=None, help="For people.")
    @json_option
    @data_option
    def change(
        address: str, join: tuple[str, ...], leave: tuple[str, ...], name: str | None, as_json: bool, data: Path
    ) -> None:
        request = pb.ChangeEntryRequest(
            kind=words.kind, address=address, add_members=join, remove_members=leave, name=name
        )
        _told(words, [ask(data, _changing(request))], as_json=as_json)

    return change


def _remove(words: _Words) -> click.Command:
    @click.command(
        "remove",
        help=f"""Remove a{"n" if words.name == "alias" else ""} {words.name}; its {words.member.lower()}s stay.

    \b
      rookery {words.name} remove {words.example}
    """,
    )
    @click.argument("address")
    @data_option
    def remove(address: str, data: Path) -> None:
        async def removing(server: Admin) -> None:
            await server.directory.RemoveEntry(pb.RemoveEntryRequest(kind=words.kind, address=address))

        ask(data, removing)
        click.echo(f"Removed {address}.", err=True)

    return remove


def _changing(request: pb.ChangeEntryRequest) -> Callable[[Admin], Awaitable[pb.Entry]]:
    async def changing(server: Admin) -> pb.Entry:
        return await server.directory.ChangeEntry(request)

    return changing


def _told(words: _Words, entries: list[pb.Entry], *, as_json: bool) -> None:
    if as_json:
        print_json(map(plain, entries))
        return
    named = words.name != "alias"
    columns = ("Address", f"{words.member.capitalize()}s", *(("Name",) if named else ()))
    rows = [(found.address, "\n".join(found.members), *((found.name,) if named else ())) for found in entries]
    print_table(columns, rows, empty=f"There are none yet: rookery {words.name} add ADDRESS {words.member}...")


alias: Final = _group_of(_ALIAS)
list_: Final = _group_of(_LIST)
group: Final = _group_of(_GROUP)
