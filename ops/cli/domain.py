"""`rookery domain`: the domains whose mail is ours, and their rules."""

from pathlib import Path
from typing import Any

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.dkim import dkim
from ops.cli.dns import dns
from ops.cli.output import Group, json_option, plain, print_json, print_table
from wire import admin_pb2 as pb


@click.group(cls=Group)
def domain() -> None:
    """Domains whose mail this server takes.

    \b
      rookery domain add example.org
      rookery domain change example.org --catch-all alice@example.org
    """


domain.add_command(dkim)
domain.add_command(dns)


def _rules(rewrites: tuple[tuple[str, str], ...]) -> list[pb.RewriteRule]:
    return [pb.RewriteRule(pattern=pattern, replacement=replacement) for pattern, replacement in rewrites]


def _settings(function: Any) -> Any:
    """The options that `add` and `change` share."""
    options = (
        click.option("--catch-all", metavar="ADDRESS", help="Gets what is for no address of the domain."),
        click.option("--admin", metavar="ADDRESS", help="Gets what is for postmaster and abuse."),
        click.option("--separator", metavar="TEXT", help='Before a subaddress: user+tag. Empty: none. [default: "+"]'),
        click.option("--case-sensitive/--case-insensitive", default=None, help="Whether Bob@ and bob@ differ."),
        click.option(
            "--rewrite",
            "rewrites",
            nargs=2,
            multiple=True,
            metavar="PATTERN ADDRESS",
            help="What PATTERN (RE2) fits becomes ADDRESS; ${1} is its first group. The first rule that fits counts.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@domain.command()
@click.argument("name")
@_settings
@json_option
@data_option
def add(
    name: str,
    catch_all: str | None,
    admin: str | None,
    separator: str | None,
    case_sensitive: bool | None,
    rewrites: tuple[tuple[str, str], ...],
    as_json: bool,
    data: Path,
) -> None:
    """Take mail for a domain.

    \b
      rookery domain add example.org
      rookery domain add example.org --rewrite '(.*)[.](.*)@example.org' '${2}@example.org'
    """
    request = pb.AddDomainRequest(
        name=name,
        catch_all=catch_all or "",
        admin=admin or "",
        separator=separator,
        case_sensitive=bool(case_sensitive),
        rewrites=_rules(rewrites),
    )

    async def adding(server: Admin) -> pb.Domain:
        return await server.directory.AddDomain(request)

    _told([ask(data, adding)], as_json=as_json)


@domain.command("list")
@json_option
@data_option
def list_(as_json: bool, data: Path) -> None:
    """Show all domains.

    \b
      rookery domain list
      rookery domain list --json | jq -r .name
    """

    async def listing(server: Admin) -> list[pb.Domain]:
        return [found async for found in server.directory.ListDomains(pb.ListDomainsRequest())]

    _told(ask(data, listing), as_json=as_json)


@domain.command()
@click.argument("name")
@_settings
@click.option("--no-rewrites", is_flag=True, help="Remove the rewriting rules.")
@json_option
@data_option
def change(
    name: str,
    catch_all: str | None,
    admin: str | None,
    separator: str | None,
    case_sensitive: bool | None,
    rewrites: tuple[tuple[str, str], ...],
    no_rewrites: bool,
    as_json: bool,
    data: Path,
) -> None:
    """Change the rules of a domain. What is not named stays; rewriting rules are replaced as a whole.

    \b
      rookery domain change example.org --catch-all alice@example.org
      rookery domain change example.org --catch-all ''
    """
    if no_rewrites and rewrites:
        raise click.UsageError("--rewrite and --no-rewrites contradict each other.")
    request = pb.ChangeDomainRequest(
        name=name,
        catch_all=catch_all,
        admin=admin,
        separator=separator,
        case_sensitive=case_sensitive,
        rewrites=pb.RewriteRules(rules=_rules(rewrites)) if rewrites or no_rewrites else None,
    )

    async def changing(server: Admin) -> pb.Domain:
        return await server.directory.ChangeDomain(request)

    _told([ask(data, changing)], as_json=as_json)


@domain.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="With all its addresses and accounts and their mail.")
@click.option("--yes", is_flag=True, help="Do not ask whether --force is meant.")
@data_option
def remove(name: str, force: bool, yes: bool, data: Path) -> None:
    """Take no more mail for a domain. It must have no addresses any more.

    \b
      rookery domain remove example.org
      rookery domain remove example.org --force
    """
    if force and not yes:
        click.confirm(f"Remove {name} with every account and all their mail, for ever?", abort=True, err=True)

    async def removing(server: Admin) -> None:
        await server.directory.RemoveDomain(pb.RemoveDomainRequest(name=name, force=force))

    ask(data, removing)
    click.echo(f"Removed {name}.", err=True)


def _told(domains: list[pb.Domain], *, as_json: bool) -> None:
    if as_json:
        print_json(map(plain, domains))
        return
    print_table(
        ("Domain", "Subaddresses", "Case", "Catch-all", "Admin", "Rewriting"),
        [
            (
                found.name,
                f"user{found.separator}tag" if found.separator else "none",
                "sensitive" if found.case_sensitive else "insensitive",
                found.catch_all,
                found.admin,
                "\n".join(f"{rule.pattern} -> {rule.replacement}" for rule in found.rewrites),
            )
            for found in domains
        ],
        empty="There are no domains yet: rookery domain add NAME",
    )
