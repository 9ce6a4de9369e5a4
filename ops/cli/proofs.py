"""`rookery account app-password`, `second-factor` and `program`: what lets somebody in besides the password.

The law: an app password is printed once, by the command that makes it.
"""

import datetime as dt
from pathlib import Path
from typing import Final

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, print_table
from wire import admin_pb2 as pb

SERVICES: Final = ("imap", "smtp", "pop3", "jmap", "sieve")


@click.group("app-password", cls=Group)
def app_password() -> None:
    """Passwords of one program each, which can be revoked by themselves.

    \b
      rookery account app-password add alice@example.org "Phone"
      rookery account app-password revoke alice@example.org "Phone"
    """


@app_password.command()
@click.argument("address")
@click.argument("label")
@click.option(
    "--for",
    "services",
    multiple=True,
    type=click.Choice(SERVICES),
    help="What it is for; may be repeated. All without.",
)
@json_option
@data_option
def add(address: str, label: str, services: tuple[str, ...], as_json: bool, data: Path) -> None:
    """Make a password for the program that LABEL names; it is shown once.

    \b
      rookery account app-password add alice@example.org "Phone"
      rookery account app-password add alice@example.org "Scanner" --for smtp
    """
    request = pb.AddAppPasswordRequest(login=address, label=label, services=services)

    async def adding(server: Admin) -> pb.AddAppPasswordResponse:
        return await server.directory.AddAppPassword(request)

    made = ask(data, adding)
    if as_json:
        print_json([plain(made.app_password) | {"password": made.password}])
        return
    click.echo(f"An app password for {', '.join(made.app_password.services)}; it is not shown again.", err=True)
    click.echo(made.password)


@app_password.command("list")
@click.argument("address")
@json_option
@data_option
def list_(address: str, as_json: bool, data: Path) -> None:
    """Show the app passwords of an account, without the passwords.

    \b
      rookery account app-password list alice@example.org
    """

    async def listing(server: Admin) -> list[pb.AppPassword]:
        request = pb.ListAppPasswordsRequest(login=address)
        return [one async for one in server.directory.ListAppPasswords(request)]

    found = ask(data, listing)
    if as_json:
        print_json(plain(one) for one in found)
        return
    rows = [(one.label, ", ".join(one.services), _day(one.created_ms), _day(one.used_ms)) for one in found]
    print_table(("Label", "For", "Made", "Last used"), rows, empty=f"{address} has no app passwords.")


@app_password.command()
@click.argument("address")
@click.argument("which")
@data_option
def revoke(address: str, which: str, data: Path) -> None:
    """Revoke the app password named WHICH: its label, or its id.

    \b
      rookery account app-password revoke alice@example.org "Phone"
    """

    async def revoking(server: Admin) -> pb.AppPassword:
        return await server.directory.RemoveAppPassword(pb.RemoveAppPasswordRequest(login=address, which=which))

    click.echo(f"Revoked {ask(data, revoking).label}.", err=True)


@click.group("second-factor", cls=Group)
def second_factor() -> None:
    """The authenticator app of an account.

    \b
      rookery account second-factor reset alice@example.org
    """


@second_factor.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def reset(address: str, yes: bool, data: Path) -> None:
    """Remove the authenticator app of who has lost it, with its recovery codes.

    \b
      rookery account second-factor reset alice@example.org
    """
    if not yes:
        click.confirm(f"Let {address} in by the password alone from now on?", abort=True, err=True)

    async def resetting(server: Admin) -> None:
        await server.directory.ResetSecondFactor(pb.ResetSecondFactorRequest(login=address))

    ask(data, resetting)
    click.echo(f"{address} has no second factor any more.", err=True)


@click.group(cls=Group)
def program() -> None:
    """Programs that an account let in with a page in the browser (OAuth 2).

    \b
      rookery account program list alice@example.org
      rookery account program end alice@example.org 0123456789abcdef
    """


@program.command("list")
@click.argument("address")
@json_option
@data_option
def list_programs(address: str, as_json: bool, data: Path) -> None:
    """Show the programs, the last used first.

    \b
      rookery account program list alice@example.org
    """

    async def listing(server: Admin) -> list[pb.Program]:
        return [one async for one in server.directory.ListPrograms(pb.ListProgramsRequest(login=address))]

    found = ask(data, listing)
    if as_json:
        print_json(plain(one) for one in found)
        return
    rows = [
        (f"{one.id:016x}", one.name, " ".join(one.scopes), _day(one.created_ms), _day(one.used_ms)) for one in found
    ]
    columns = ("Id", "Name", "May use", "Let in", "Last used")
    print_table(columns, rows, empty=f"{address} has let in no programs.")


@program.command()
@click.argument("address")
@click.argument("ident", metavar="ID")
@data_option
def end(address: str, ident: str, data: Path) -> None:
    """End what the program ID was let do; within seconds it can do nothing any more.

    \b
      rookery account program end alice@example.org 0123456789abcdef
    """
    try:
        number = int(ident, 16)
    except ValueError:
        raise click.UsageError("ID is what `rookery account program list` shows.") from None
    if not 0 <= number < 2**64:
        raise click.UsageError("ID is what `rookery account program list` shows.")

    async def ending(server: Admin) -> None:
        await server.directory.RemoveProgram(pb.RemoveProgramRequest(login=address, id=number))

    ask(data, ending)
    click.echo("Ended.", err=True)


def _day(at_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC):%Y-%m-%d}" if at_ms else "never"
